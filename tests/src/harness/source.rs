//! What a publisher shows: a test picture and tone with an encoder's settings, or what is fed to it.

/// FFmpeg's input and encoder settings. The defaults are OBS's, but for a small picture: H.264 High with two B-frames,
/// a keyframe each 2 s, constant bit rate, AAC-LC stereo at 48 kHz.
#[derive(Debug, Clone)]
pub struct Source {
    input: Input,
    seconds: Option<f64>,
    extra: Vec<String>,
}

#[derive(Debug, Clone)]
enum Input {
    Made {
        video: Option<Video>,
        audio: Option<Audio>,
    },
    Fed,
}

#[derive(Debug, Clone)]
struct Video {
    size: (u32, u32),
    fps: String,
    /// Frames from keyframe to keyframe.
    gop_frames: u32,
    b_frames: u32,
    bitrate_kbps: u32,
    preset: String,
    encoder: String,
}

/// A test tone's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audio {
    /// Samples a second.
    pub sample_rate_hz: u32,
    /// 1 or 2.
    pub channels: u32,
    /// AAC's bit rate, kbit/s.
    pub bitrate_kbps: u32,
}

impl Default for Audio {
    fn default() -> Self {
        Self {
            sample_rate_hz: 48_000,
            channels: 2,
            bitrate_kbps: 128,
        }
    }
}

impl Default for Video {
    fn default() -> Self {
        Self {
            size: (640, 360),
            fps: "30".to_owned(),
            gop_frames: 60,
            b_frames: 2,
            bitrate_kbps: 800,
            preset: "superfast".to_owned(),
            encoder: "libx264".to_owned(),
        }
    }
}

impl Source {
    /// A moving test picture of 640 by 360 at 30 frames a second, and a tone.
    pub fn picture() -> Self {
        Self::of(Input::Made {
            video: Some(Video::default()),
            audio: Some(Audio::default()),
        })
    }

    /// A test picture in the dark that is white for a tenth of a second each two seconds, and a tone just then.
    pub fn flash_and_beep() -> Self {
        let flash = "drawbox=t=fill:color=black@0.6:enable='gte(mod(t,2),0.1)',drawbox=t=fill:color=white:enable='lt(mod(t,2),0.1)'";
        let beep = "aeval='0.7*sin(2*PI*1000*t)*lt(mod(t,2),0.1)':c=same";
        Self::picture().with(&["-vf", flash, "-af", beep])
    }

    /// A tone alone.
    pub fn tone() -> Self {
        Self::of(Input::Made {
            video: None,
            audio: Some(Audio::default()),
        })
    }

    /// An FLV file that is written to FFmpeg's input in real time, sent as it is.
    pub(super) fn fed() -> Self {
        // A track that is silent must not hold back the other.
        Self::of(Input::Fed).with(&["-max_interleave_delta", "100000"])
    }

    fn of(input: Input) -> Self {
        Self {
            input,
            seconds: None,
            extra: Vec::new(),
        }
    }

    fn video(mut self, change: impl FnOnce(&mut Video)) -> Self {
        if let Input::Made {
            video: Some(video), ..
        } = &mut self.input
        {
            change(video);
        }
        self
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(self, width: u32, height: u32) -> Self {
        self.video(|video| video.size = (width, height))
    }

    /// Frames a second as FFmpeg writes them: `25`, `30000/1001`.
    #[must_use]
    pub fn fps(self, fps: &str) -> Self {
        self.video(|video| video.fps = fps.to_owned())
    }

    /// Frames from keyframe to keyframe.
    #[must_use]
    pub fn gop_frames(self, frames: u32) -> Self {
        self.video(|video| video.gop_frames = frames)
    }

    /// B-frames between two others.
    #[must_use]
    pub fn b_frames(self, count: u32) -> Self {
        self.video(|video| video.b_frames = count)
    }

    /// The video's constant bit rate, kbit/s.
    #[must_use]
    pub fn bitrate_kbps(self, bitrate_kbps: u32) -> Self {
        self.video(|video| video.bitrate_kbps = bitrate_kbps)
    }

    /// x264's preset; `superfast` unless told otherwise, since test machines are small.
    #[must_use]
    pub fn preset(self, preset: &str) -> Self {
        self.video(|video| video.preset = preset.to_owned())
    }

    /// FFmpeg's name of another video encoder.
    #[must_use]
    pub fn encoder(self, name: &str) -> Self {
        self.video(|video| video.encoder = name.to_owned())
    }

    /// The tone's settings; `None`: no audio.
    #[must_use]
    pub fn audio(mut self, settings: Option<Audio>) -> Self {
        if let Input::Made { audio, .. } = &mut self.input {
            *audio = settings;
        }
        self
    }

    /// The show ends by itself after so many seconds.
    #[must_use]
    pub fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// Further arguments of FFmpeg's, before the output.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.extra
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// FFmpeg's arguments up to the output.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        match &self.input {
            Input::Made { video, audio } => {
                if let Some(video) = video {
                    arguments.extend(video.input());
                }
                if let Some(audio) = audio {
                    arguments.extend(audio.input());
                }
                if let Some(video) = video {
                    arguments.extend(video.settings());
                }
                if let Some(audio) = audio {
                    arguments.extend(audio.settings());
                }
            }
            Input::Fed => arguments.extend(words("-f flv -analyzeduration 1M -i pipe:0 -c copy")),
        }
        if let Some(seconds) = self.seconds {
            arguments.extend(["-t".to_owned(), seconds.to_string()]);
        }
        arguments.extend(self.extra.iter().cloned());
        arguments
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

impl Video {
    fn input(&self) -> Vec<String> {
        let ((width, height), fps) = (self.size, &self.fps);
        words(&format!(
            "-re -f lavfi -i testsrc2=size={width}x{height}:rate={fps}"
        ))
    }

    fn settings(&self) -> Vec<String> {
        let Self {
            gop_frames,
            b_frames,
            bitrate_kbps,
            preset,
            encoder,
            ..
        } = self;
        let mut settings = words(&format!(
            "-c:v {encoder} -pix_fmt yuv420p -g {gop_frames} -bf {b_frames} -b:v {bitrate_kbps}k"
        ));
        if encoder == "libx264" {
            settings.extend(words(&format!(
                "-preset {preset} -profile:v high -maxrate {bitrate_kbps}k -bufsize {bitrate_kbps}k \
                 -x264-params nal-hrd=cbr:scenecut=0:keyint_min={gop_frames}"
            )));
        }
        settings
    }
}

impl Audio {
    fn input(self) -> Vec<String> {
        let rate = self.sample_rate_hz;
        words(&format!(
            "-re -f lavfi -i sine=frequency=440:beep_factor=4:sample_rate={rate}"
        ))
    }

    fn settings(self) -> Vec<String> {
        let Self {
            sample_rate_hz,
            channels,
            bitrate_kbps,
        } = self;
        words(&format!(
            "-c:a aac -b:a {bitrate_kbps}k -ar {sample_rate_hz} -ac {channels}"
        ))
    }
}
