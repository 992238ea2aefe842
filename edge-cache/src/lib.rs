//! The program vitrine-edge: a caching tier for LL-HLS that asks the origin once for each object.
