//! The body of an answer: shared pieces, all there or still coming.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http_body::{Body, Frame, SizeHint};

use crate::fill::{BrokenOff, Follower};

/// An answer's body on its way to a viewer.
pub enum AnswerBody {
    /// Everything is there.
    Shared(SharedBody),
    /// It grows; the viewer gets each piece as it comes, and holds up nobody by being slow.
    Following(FollowingBody),
}

impl AnswerBody {
    /// Nothing.
    pub fn empty() -> Self {
        Self::Shared(SharedBody::default())
    }

    /// A single buffer.
    pub fn whole(bytes: Bytes) -> Self {
        let len = bytes.len() as u64;
        Self::Shared(SharedBody::slice(Arc::new([bytes]), 0..len))
    }
}

/// A range of pieces; written without copying.
#[derive(Debug, Clone, Default)]
pub struct SharedBody {
    pieces: Arc<[Bytes]>,
    next: usize,
    /// Bytes of the next piece that are before the range.
    skip: u64,
    left: u64,
}

impl SharedBody {
    /// The bytes `range` of all pieces together.
    pub fn slice(pieces: Arc<[Bytes]>, range: Range<u64>) -> Self {
        let (mut next, mut skip) = (0, range.start);
        for piece in pieces.iter() {
            if skip < piece.len() as u64 {
                break;
            }
            skip -= piece.len() as u64;
            next += 1;
        }
        Self {
            pieces,
            next,
            skip,
            left: range.end.saturating_sub(range.start),
        }
    }
}

/// What of `piece` is in the range: `skip` bytes are before it, and `left` bytes are left of it.
fn cut(piece: &Bytes, skip: u64, left: u64) -> Bytes {
    let start = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
    let len = usize::try_from(left)
        .unwrap_or(usize::MAX)
        .min(piece.len() - start);
    piece.slice(start..start + len)
}

impl Iterator for SharedBody {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let piece = self.pieces.get(self.next).filter(|_| self.left > 0)?;
        let cut = cut(piece, self.skip, self.left);
        self.next += 1;
        self.skip = 0;
        self.left -= cut.len() as u64;
        Some(cut)
    }
}

/// A range of a fill's pieces, as they come.
pub struct FollowingBody {
    pieces: Pin<Box<dyn Stream<Item = Result<Bytes, BrokenOff>> + Send>>,
    /// Bytes to come, if that is known.
    left: Option<u64>,
}

impl FollowingBody {
    /// The bytes `range` of what `follower` gets; without an end, all from the start on.
    pub fn new(follower: Follower, start: u64, end: Option<u64>) -> Self {
        let left = end.map(|end| end.saturating_sub(start));
        let state = (follower, 0, start, left.unwrap_or(u64::MAX));
        let pieces = stream::unfold(state, |(mut follower, mut index, mut skip, left)| async move {
            loop {
                if left == 0 {
                    return None;
                }
                match follower.piece(index).await? {
                    Err(broken) => return Some((Err(broken), (follower, index, skip, left))),
                    Ok(piece) => {
                        index += 1;
                        let cut = cut(&piece, skip, left);
                        skip = skip.saturating_sub(piece.len() as u64);
                        if !cut.is_empty() {
                            let left = left - cut.len() as u64;
                            return Some((Ok(cut), (follower, index, skip, left)));
                        }
                    }
                }
            }
        });
        Self {
            pieces: Box::pin(pieces),
            left,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let piece = ready!(self.pieces.as_mut().poll_next(context));
        Poll::Ready(match piece {
            Some(Ok(piece)) => {
                self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
                Some(Ok(Frame::data(piece)))
            }
            Some(Err(broken)) => Some(Err(broken)),
            // Fewer bytes than the head told.
            None if self.left.is_some_and(|left| left > 0) => Some(Err(BrokenOff)),
            None => None,
        })
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut *self {
            Self::Shared(body) => Poll::Ready(body.next().map(|piece| Ok(Frame::data(piece)))),
            Self::Following(body) => body.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Shared(body) => body.left == 0,
            Self::Following(body) => body.left == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let left = match self {
            Self::Shared(body) => Some(body.left),
            Self::Following(body) => body.left,
        };
        left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use http_body_util::BodyExt;

    use super::*;
    use crate::fill::Fill;
    use crate::object::{Head, Object};

    const PIECES: [&str; 4] = ["0123", "45", "", "6789"];
    const RANGES: [(Range<u64>, &str); 5] = [
        (0..10, "0123456789"),
        (3..7, "3456"),
        (4..6, "45"),
        (9..10, "9"),
        (6..6, ""),
    ];

    async fn text(body: AnswerBody) -> Result<String, BrokenOff> {
        let bytes = body.collect().await?.to_bytes();
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_range_over_several_pieces_is_joined() {
        let pieces: Arc<[Bytes]> = PIECES.map(Bytes::from).into();
        for (range, expected) in RANGES {
            let body = AnswerBody::Shared(SharedBody::slice(pieces.clone(), range.clone()));
            assert_eq!(body.size_hint().exact(), Some(range.end - range.start));
            assert_eq!(text(body).await.unwrap(), expected, "{range:?}");
        }
    }

    fn head() -> Arc<Head> {
        let parts = http::Response::new(()).into_parts().0;
        Arc::new(Head::new(parts, Instant::now(), Duration::ZERO))
    }

    #[tokio::test]
    async fn a_range_is_cut_from_pieces_that_are_still_coming() {
        for (range, expected) in RANGES {
            let fill = Arc::new(Fill::default());
            let body = FollowingBody::new(fill.follow(), range.start, Some(range.end));
            let reader = tokio::spawn(text(AnswerBody::Following(body)));
            for piece in PIECES {
                fill.push(piece.into());
                fill.grow(&head());
                tokio::task::yield_now().await;
            }
            fill.complete(Object::new(head(), fill.pieces()));
            assert_eq!(reader.await.unwrap().unwrap(), expected, "{range:?}");
        }
    }

    #[tokio::test]
    async fn a_short_body_is_an_error_and_so_is_a_broken_one() {
        let fill = Arc::new(Fill::default());
        let short = FollowingBody::new(fill.follow(), 0, Some(11));
        let open = FollowingBody::new(fill.follow(), 8, None);
        for piece in PIECES {
            fill.push(piece.into());
        }
        fill.complete(Object::new(head(), fill.pieces()));
        assert_eq!(text(AnswerBody::Following(short)).await, Err(BrokenOff));
        assert_eq!(text(AnswerBody::Following(open)).await.unwrap(), "89");

        let fill = Arc::new(Fill::default());
        let body = FollowingBody::new(fill.follow(), 0, None);
        fill.push("01".into());
        fill.break_off();
        assert_eq!(text(AnswerBody::Following(body)).await, Err(BrokenOff));
    }
}
