//! The sample show as an FFmpeg filter graph: what the host has in hand is on the picture in the same seconds in which
//! the script's events say so, so that whoever watches can judge how well the card keeps time.

use std::fmt::Write;
use std::path::Path;

use super::script::{SCENES, SHOW_SECONDS, Scene};

/// Frames a second.
pub const FRAME_RATE: u32 = 30;

/// The lavfi graph of the picture, 1280 by 720. `pictures` is the folder of the products' SVG files.
pub fn graph(pictures: &Path) -> String {
    // The wall is drawn once and repeated; everything that moves is laid over it.
    let mut graph = format!(
        "gradients=size=1280x720:rate=1:duration=1:nb_colors=3:c0=0x241a3d:c1=0x4a2442:c2=0x12324a:\
         x0=0:y0=0:x1=1280:y1=720:speed=0.00001,loop=-1:1,fps={FRAME_RATE},setpts=N/{FRAME_RATE}/TB[stage0]"
    );
    for (index, scene) in SCENES.iter().enumerate() {
        let file = pictures.join(scene.image).with_extension("svg");
        let _ = write!(
            graph,
            ";movie='{}',scale=440:440,loop=-1:1,fps={FRAME_RATE}[product{index}];\
             [stage{index}][product{index}]overlay=x=110:y='140+8*sin(t*1.6)':enable='{}'[stage{}]",
            file.display(),
            during(begin(scene), scene.until_s),
            index + 1
        );
    }
    let _ = write!(graph, ";[stage{}]", SCENES.len());
    for scene in &SCENES {
        write_words(&mut graph, scene);
    }
    // How far the show is, and its clock: a live picture is seen to be one.
    let _ = write!(
        graph,
        "drawbox=x=620:y=420:w='mod(t,{SHOW_SECONDS})/{SHOW_SECONDS}*550':h=4:color=0xffd890:t=fill,\
         drawtext={}:text='%{{gmtime}} UTC':x=620:y=442:fontsize=24:fontcolor=0xc9c2d6,format=yuv420p",
        FONT
    );
    graph
}

/// The tones under the show: a quiet chord.
pub const SOUND: &str = "aevalsrc='0.03*(sin(2*PI*220*t)+sin(2*PI*277.18*t)+sin(2*PI*329.63*t))*(0.7+0.3*sin(2*PI*0.2*t))\
                         |0.03*(sin(2*PI*220*t)+sin(2*PI*277.18*t)+sin(2*PI*329.63*t))*(0.7+0.3*cos(2*PI*0.2*t))'\
                         :sample_rate=48000";

const FONT: &str = "font=sans";

fn write_words(graph: &mut String, scene: &Scene) {
    let whole = during(begin(scene), scene.until_s);
    let _ = write!(
        graph,
        "drawtext={FONT}:text='{}':x=620:y=230:fontsize=52:fontcolor=white:enable='{whole}',",
        scene.name
    );
    let ends = scene.offers.iter().skip(1).map(|next| next.from_s);
    for (offer, until_s) in scene.offers.iter().zip(ends.chain([scene.until_s])) {
        let left = match offer.stock {
            0 => "sold out".to_owned(),
            left => format!("{left} left"),
        };
        let (euros, cents) = (offer.cents / 100, offer.cents % 100);
        let _ = write!(
            graph,
            "drawtext={FONT}:text='€{euros}.{cents:02}   {left}':x=620:y=320:fontsize=40:fontcolor=0xffd890:enable='{}',",
            during(offer.from_s, until_s)
        );
    }
}

fn begin(scene: &Scene) -> f64 {
    scene.offers.first().map_or(0.0, |offer| offer.from_s)
}

/// A filter's `enable`: from the frame at `from_s` to the one before `until_s`, in each round of the show.
fn during(from_s: f64, until_s: f64) -> String {
    format!("gte(mod(t+0.001,{SHOW_SECONDS}),{from_s})*lt(mod(t+0.001,{SHOW_SECONDS}),{until_s})")
}
