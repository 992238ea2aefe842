//! A picture of a run: how late how many parts were, and how that went through the run.

use std::fmt::Write;

use super::figures::{Figures, Spread};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
/// Top and bottom of both panels.
const CURVE: (f64, f64) = (60.0, 280.0);
const TIME: (f64, f64) = (340.0, 560.0);
const HEIGHT: f64 = 610.0;
/// The axis of milliseconds is logarithmic, from here on.
const LEAST_MS: f64 = 0.1;

/// The picture as SVG.
pub(super) fn svg(figures: &Figures) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(
        &mut out,
        LEFT,
        24.0,
        "start",
        &format!("Lateness of parts: {}", figures.title),
    );
    if let Some(spread) = figures.lateness {
        text(&mut out, LEFT, 42.0, "start", &spread.to_string());
        let most = decade(spread.max.max(1.0));
        curve(&mut out, &figures.curve, most);
        through_time(&mut out, figures, most);
    }
    out.push_str("</svg>\n");
    out
}

/// The power of ten above a value.
fn decade(value: f64) -> f64 {
    10_f64.powf(value.log10().ceil())
}

/// How far a value is on the axis, 0 to 1.
fn share(ms: f64, most: f64) -> f64 {
    let log = |value: f64| value.max(LEAST_MS).log10() - LEAST_MS.log10();
    log(ms) / log(most)
}

/// The label of each power of ten, with its value.
fn decades(most: f64) -> impl Iterator<Item = (f64, String)> {
    (-1..)
        .map(|power: i32| 10_f64.powi(power))
        .take_while(move |value| *value <= most * 1.001)
        .map(|value| (value, format!("{value}")))
}

fn curve(out: &mut String, thousandths: &[f64], most: f64) {
    let (top, bottom) = CURVE;
    let x = |ms: f64| LEFT + share(ms, most) * (WIDTH - LEFT - RIGHT);
    let y = |part: f64| bottom - part * (bottom - top);
    for (value, label) in decades(most) {
        line(out, (x(value), top), (x(value), bottom));
        text(out, x(value), bottom + 16.0, "middle", &format!("{label} ms"));
    }
    for percent in [0.0, 50.0, 90.0, 99.0] {
        line(
            out,
            (LEFT, y(percent / 100.0)),
            (WIDTH - RIGHT, y(percent / 100.0)),
        );
        text(
            out,
            LEFT - 6.0,
            y(percent / 100.0) + 4.0,
            "end",
            &format!("{percent} %"),
        );
    }
    let last = thousandths.len().saturating_sub(1).max(1) as f64;
    let points = thousandths
        .iter()
        .zip(0..)
        .map(|(ms, n)| (x(*ms), y(f64::from(n) / last)));
    polyline(out, points, "#0b63ce");
}

fn through_time(out: &mut String, figures: &Figures, most: f64) {
    let (top, bottom) = TIME;
    let count = figures.seconds.len().max(1) as f64;
    let x = |second: f64| LEFT + second / count * (WIDTH - LEFT - RIGHT);
    let y = |ms: f64| bottom - share(ms, most) * (bottom - top);
    text(
        out,
        LEFT,
        top - 12.0,
        "start",
        "Second by second: p50 (blue), p99 (orange), seconds with stalls (red)",
    );
    for (value, label) in decades(most) {
        line(out, (LEFT, y(value)), (WIDTH - RIGHT, y(value)));
        text(out, LEFT - 6.0, y(value) + 4.0, "end", &format!("{label} ms"));
    }
    for (number, _) in figures
        .seconds
        .iter()
        .enumerate()
        .filter(|(_, second)| second.stalls > 0)
    {
        let (left, width) = (x(number as f64), x(1.0) - x(0.0));
        let height = bottom - top;
        let _ = writeln!(
            out,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"#d33\" opacity=\"0.3\"/>"
        );
    }
    let values = |of: fn(&Spread) -> f64| {
        figures
            .seconds
            .iter()
            .enumerate()
            .map(move |(number, second)| (x(number as f64 + 0.5), y(of(&second.lateness))))
    };
    polyline(out, values(|spread| spread.p50), "#0b63ce");
    polyline(out, values(|spread| spread.p99), "#e07b00");
    text(out, LEFT, bottom + 18.0, "middle", "0 s");
    text(out, WIDTH - RIGHT, bottom + 18.0, "end", &format!("{count} s"));
}

fn line(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = writeln!(
        out,
        "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"#ddd\"/>"
    );
}

fn polyline(out: &mut String, points: impl Iterator<Item = (f64, f64)>, color: &str) {
    let points: String = points.fold(String::new(), |mut points, (x, y)| {
        let _ = write!(points, "{x:.1},{y:.1} ");
        points
    });
    let _ = writeln!(
        out,
        "<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>"
    );
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}
