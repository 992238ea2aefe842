//! Vitrine as a whole: real publishers, real browsers, a playlist checker, load.
