//! A wall clock in the picture, for glass to glass: `browser/sampler.js` reads it from the frames on screen.
//!
//! 40 by 2 cells in the top 64 of 720 lines: white, black, then 32 bits of Unix milliseconds, the least first; the second
//! row has the bits inverted. The time is that at which FFmpeg hands the frame to the encoder.

/// FFmpeg's filters that draw the cells, one pixel each, on frames of 40 by 2.
const CELLS: &str = "settb=1/1000,setpts='trunc(RTCTIME/1000)',format=gray,\
    geq=lum='if(eq(X,0),255,if(eq(X,1),0,255*mod(floor(floor(T*1000+0.5)/pow(2,X-2))+Y,2)))'";

/// A filter graph (`-vf`) that lays the clock over a picture so many pixels wide, 16:9, of so many frames a second.
pub fn overlay(width: u32, fps: u32) -> String {
    let height = width / 20;
    format!(
        "split[picture][cells];[cells]crop=40:2,{CELLS},scale={width}:{height}:flags=neighbor,\
         settb=1/{fps},setpts=N,format=yuv420p[clock];[picture]settb=1/{fps},setpts=N[picture];[picture][clock]overlay"
    )
}

/// A source graph of the clock alone: 320 by 16 pixels, so many frames a second, in real time.
pub fn strip(fps: u32) -> String {
    format!(
        "nullsrc=s=40x2:r={fps},realtime,{CELLS},scale=320:16:flags=neighbor,settb=1/{fps},setpts=N,format=yuv420p"
    )
}
