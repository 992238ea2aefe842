//! The product card and its fields. Each field's type admits only what may go on air.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::EventError;
use crate::money::Price;
use crate::text::{Id, Label, WebAddress};

/// Variants of one product. More are refused.
const MAX_VARIANTS: usize = 32;

/// A product as viewers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// The shop's own identifier.
    pub id: Id,
    /// What the card calls it.
    pub name: Label,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<WebAddress>,
    /// What it costs.
    pub price: Price,
    /// What it cost before, or costs elsewhere: shown struck through. Higher than `price`, in its currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_at: Option<Price>,
    /// How many are left; absent when the shop does not say. With 0, it is sold out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<u32>,
    /// With so many left, or fewer, stock is low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_stock_at: Option<u32>,
    /// Says whether it can be had, whatever `stock` says or leaves out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
    /// Sizes, colours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub variants: Vec<Variant>,
    /// Where it is bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<WebAddress>,
}

/// One of a product's sizes, colours. What it leaves out is as the product has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Unique in its product.
    pub id: Id,
    /// What the card calls it.
    pub name: Label,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<WebAddress>,
    /// What it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// What it cost before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_at: Option<Price>,
    /// How many are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<u32>,
    /// Whether it can be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
}

/// Whether something can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It can.
    InStock,
    /// A few are left.
    LowStock,
    /// None is left.
    SoldOut,
}

/// A change to a product; what is absent stays as it is, and `null` takes an optional field away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductUpdate {
    /// A product on air.
    pub id: Id,
    /// The new name; it cannot be taken away.
    #[serde(
        default,
        deserialize_with = "not_null",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Label")]
    pub name: Option<Label>,
    /// The new picture.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub image: Option<Option<WebAddress>>,
    /// The new price; it cannot be taken away.
    #[serde(
        default,
        deserialize_with = "not_null",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Price")]
    pub price: Option<Price>,
    /// The new price to compare with.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub compare_at: Option<Option<Price>>,
    /// How many are left now.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub stock: Option<Option<u32>>,
    /// The new threshold of low stock.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub low_stock_at: Option<Option<u32>>,
    /// Whether it can be had now.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub availability: Option<Option<Availability>>,
    /// Changes to variants that the product has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub variants: Vec<VariantUpdate>,
    /// The new address to buy it at.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub url: Option<Option<WebAddress>>,
}

/// A change to a variant, by the same rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantUpdate {
    /// One of the product's variants.
    pub id: Id,
    /// The new price.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub price: Option<Option<Price>>,
    /// The new price to compare with.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub compare_at: Option<Option<Price>>,
    /// How many are left now.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub stock: Option<Option<u32>>,
    /// Whether it can be had now.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub availability: Option<Option<Availability>>,
}

/// A product by its identifier alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductRef {
    /// A product on air.
    pub id: Id,
}

/// Tells `null` (taken away) from absent (unchanged).
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A field that cannot be taken away.
fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Product {
    /// Refuses what no field's own type can: prices that cannot be compared, variants of one id.
    pub(crate) fn check(&self) -> Result<(), EventError> {
        check_prices("product.compare_at", Some(self.price), self.compare_at)?;
        check_count("product.variants", self.variants.len())?;
        for (index, variant) in self.variants.iter().enumerate() {
            let field = format!("product.variants[{index}]");
            let price = Some(variant.price.unwrap_or(self.price));
            check_prices(&format!("{field}.compare_at"), price, variant.compare_at)?;
            if self
                .variants
                .iter()
                .take(index)
                .any(|other| other.id == variant.id)
            {
                return Err(EventError::Field {
                    field: format!("{field}.id"),
                    problem: format!(
                        "{} is the id of another variant too: give each its own",
                        variant.id
                    ),
                });
            }
        }
        Ok(())
    }
}

impl ProductUpdate {
    pub(crate) fn check(&self) -> Result<(), EventError> {
        check_count("product.variants", self.variants.len())?;
        let bare = Self {
            id: self.id.clone(),
            name: None,
            image: None,
            price: None,
            compare_at: None,
            stock: None,
            low_stock_at: None,
            availability: None,
            variants: Vec::new(),
            url: None,
        };
        if *self == bare {
            return Err(EventError::Field {
                field: "product".to_owned(),
                problem: "nothing to update: give at least one field beside id".to_owned(),
            });
        }
        Ok(())
    }

    /// The product with this change made.
    pub(crate) fn apply(&self, product: &Product) -> Result<Product, EventError> {
        let mut product = product.clone();
        set(&mut product.name, self.name.as_ref());
        set(&mut product.image, self.image.as_ref());
        set(&mut product.price, self.price.as_ref());
        set(&mut product.compare_at, self.compare_at.as_ref());
        set(&mut product.stock, self.stock.as_ref());
        set(&mut product.low_stock_at, self.low_stock_at.as_ref());
        set(&mut product.availability, self.availability.as_ref());
        set(&mut product.url, self.url.as_ref());
        for (index, update) in self.variants.iter().enumerate() {
            let known: Vec<&str> = product
                .variants
                .iter()
                .map(|variant| variant.id.as_str())
                .collect();
            let on_air = known.join(", ");
            let Some(variant) = product
                .variants
                .iter_mut()
                .find(|variant| variant.id == update.id)
            else {
                return Err(EventError::NotOnAir {
                    field: format!("product.variants[{index}].id"),
                    what: "variant",
                    id: update.id.to_string(),
                    on_air,
                });
            };
            set(&mut variant.price, update.price.as_ref());
            set(&mut variant.compare_at, update.compare_at.as_ref());
            set(&mut variant.stock, update.stock.as_ref());
            set(&mut variant.availability, update.availability.as_ref());
        }
        product.check()?;
        Ok(product)
    }
}

fn set<T: Clone>(field: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        *field = value.clone();
    }
}

fn check_count(field: &str, count: usize) -> Result<(), EventError> {
    if count <= MAX_VARIANTS {
        return Ok(());
    }
    Err(EventError::Field {
        field: field.to_owned(),
        problem: format!("has {count} entries: at most {MAX_VARIANTS} are taken"),
    })
}

fn check_prices(field: &str, price: Option<Price>, compare_at: Option<Price>) -> Result<(), EventError> {
    let (Some(price), Some(compare_at)) = (price, compare_at) else {
        return Ok(());
    };
    let higher = compare_at.amount.minor_units() > price.amount.minor_units();
    if compare_at.currency == price.currency && higher {
        return Ok(());
    }
    Err(EventError::Field {
        field: field.to_owned(),
        problem: "must be higher than the price, in its currency: send null to take it away".to_owned(),
    })
}
