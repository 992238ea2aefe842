//! What stands behind the `?` of a control request.

use http::StatusCode;
use http::request::Parts;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use vitrine_metadata_track::{DateTime, Order};
use vitrine_packager::media::WallTime;

use super::problem::Problem;
use super::record::{EventStatus, place};

/// The parameters of a request.
#[derive(Debug)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads them. Unknown ones and repeated ones are refused, so that a misspelt one is not lost silently.
    pub fn of(request: &Parts, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(request.uri.query().unwrap_or("").as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(wrong(&name, format!("is not known here: {}", known.join(", "))));
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(wrong(&name, "is given twice".to_owned()));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self { pairs })
    }

    fn get(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|(other, _)| other == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// An instant.
    pub fn time(&self, name: &str) -> Result<Option<WallTime>, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        // An offset's plus that was not percent-encoded is read as a blank.
        let time = DateTime::try_from(text.replace(' ', "+"));
        time.map(|time| Some(time.0))
            .map_err(|problem| wrong(name, problem.to_owned()))
    }

    /// A number up to `most`.
    pub fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        let number = text.parse().ok().filter(|number| *number <= most);
        number.ok_or_else(|| wrong(name, format!("must be a number from 0 to {most}")))
    }

    /// A place in the history.
    pub fn place(&self, name: &str) -> Result<Option<Order>, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let place = place(text);
        place.map(Some).ok_or_else(|| {
            let problem = "must be the `next` of a page or the `cursor` of an event";
            wrong(name, problem.to_owned())
        })
    }

    /// What became of an event.
    pub fn status(&self, name: &str) -> Result<Option<EventStatus>, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let text: StrDeserializer<'_, Error> = text.into_deserializer();
        let status = serde::Deserialize::deserialize(text);
        status.map(Some).map_err(|error| wrong(name, error.to_string()))
    }
}

fn wrong(name: &str, problem: String) -> Problem {
    let shown: String = name.chars().take(40).collect();
    Problem::of_field(StatusCode::BAD_REQUEST, &shown, format!("{shown}: {problem}"))
}
