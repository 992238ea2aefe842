//! The state of the show: the fold of its events.

use serde::Serialize;

use crate::error::EventError;
use crate::event::ShowEvent;
use crate::product::Product;

/// What a viewer sees beside the picture at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ShowState {
    /// Number of the event that made this state; 0 before the first.
    pub seq: u32,
    /// The product on air.
    pub product: Option<Product>,
}

impl ShowState {
    /// The state after `event`, the session's `seq`-th; refused if the event does not fit this state.
    pub fn after(&self, event: &ShowEvent, seq: u32) -> Result<Self, EventError> {
        let product = match event {
            ShowEvent::ProductShow { product } => Some(product.clone()),
            ShowEvent::ProductUpdate { product: update } => {
                let mut product = self.on_air(update.id.as_str())?.clone();
                if let Some(price) = update.price {
                    product.price = price;
                }
                if let Some(stock) = update.stock {
                    product.stock = Some(stock);
                }
                Some(product)
            }
            ShowEvent::ProductHide { product } => {
                self.on_air(product.id.as_str())?;
                None
            }
        };
        Ok(Self { seq, product })
    }

    fn on_air(&self, id: &str) -> Result<&Product, EventError> {
        match &self.product {
            Some(product) if product.id.as_str() == id => Ok(product),
            other => Err(EventError::NotOnAir {
                id: id.to_owned(),
                on_air: other.as_ref().map(|product| product.id.as_str().to_owned()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(json: &str) -> ShowEvent {
        ShowEvent::from_json(json.as_bytes()).unwrap()
    }

    fn show(id: &str) -> ShowEvent {
        event(&format!(
            r#"{{"type":"product.show","product":{{"id":"{id}","name":"N","price":{{"amount":100,"currency":"EUR"}},"stock":9}}}}"#
        ))
    }

    #[test]
    fn an_update_changes_only_what_it_names() {
        let shown = ShowState::default().after(&show("a"), 1).unwrap();
        let cheaper =
            event(r#"{"type":"product.update","product":{"id":"a","price":{"amount":90,"currency":"EUR"}}}"#);
        let state = shown.after(&cheaper, 2).unwrap();
        assert_eq!(
            serde_json::to_string(&state).unwrap(),
            r#"{"seq":2,"product":{"id":"a","name":"N","price":{"amount":90,"currency":"EUR"},"stock":9}}"#
        );
        let sold_out = event(r#"{"type":"product.update","product":{"id":"a","stock":0}}"#);
        let product = state.after(&sold_out, 3).unwrap().product.unwrap();
        assert_eq!(
            (product.stock, product.price),
            (Some(0), state.product.unwrap().price)
        );
    }

    #[test]
    fn showing_replaces_and_hiding_empties() {
        let state = ShowState::default().after(&show("a"), 1).unwrap();
        let state = state.after(&show("b"), 2).unwrap();
        assert_eq!(state.product.as_ref().unwrap().id.as_str(), "b");
        let hide = event(r#"{"type":"product.hide","product":{"id":"b"}}"#);
        let state = state.after(&hide, 3).unwrap();
        assert_eq!(
            state,
            ShowState {
                seq: 3,
                product: None
            }
        );
    }

    #[test]
    fn an_update_or_hide_of_another_product_is_refused_naming_the_one_on_air() {
        let hide = event(r#"{"type":"product.hide","product":{"id":"b"}}"#);
        let error = ShowState::default().after(&hide, 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "product b is not on air (no product is on air): send product.show for it first"
        );
        let state = ShowState::default().after(&show("a"), 1).unwrap();
        let update = event(r#"{"type":"product.update","product":{"id":"b","stock":1}}"#);
        let error = state.after(&update, 2).unwrap_err();
        assert!(error.to_string().contains("(on air: a)"), "{error}");
    }
}
