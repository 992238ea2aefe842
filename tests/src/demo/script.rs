//! What happens in the sample show, and when: the one table behind its picture and its events.

use serde_json::{Value, json};

/// The show begins anew after so many seconds.
pub const SHOW_SECONDS: f64 = 60.0;

/// A product and the stretch of the show in which the host has it in hand.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// The shop's identifier; also the name of its picture, `{image}.svg`.
    pub id: &'static str,
    /// As viewers read it.
    pub name: &'static str,
    /// Its picture among the page's.
    pub image: &'static str,
    /// Seconds of the show.
    pub until_s: f64,
    /// Prices and stocks, the first at the scene's beginning.
    pub offers: &'static [Offer],
}

/// What a product costs and how many are left, from an instant of the show on.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// Seconds of the show.
    pub from_s: f64,
    /// Euro cents.
    pub cents: i64,
    /// How many are left.
    pub stock: u32,
}

const fn offer(from_s: f64, cents: i64, stock: u32) -> Offer {
    Offer { from_s, cents, stock }
}

/// The sample show. Between its last scene and its end nothing is on show.
pub const SCENES: [Scene; 3] = [
    Scene {
        id: "lamp-1",
        name: "Dune table lamp",
        image: "lamp",
        until_s: 20.0,
        offers: &[offer(0.0, 8900, 12), offer(8.0, 7450, 12), offer(14.0, 7450, 3)],
    },
    Scene {
        id: "mug-1",
        name: "Stoneware mug",
        image: "mug",
        until_s: 40.0,
        offers: &[offer(20.0, 1950, 40), offer(28.0, 1950, 25), offer(34.0, 1690, 9)],
    },
    Scene {
        id: "sneaker-1",
        name: "Harbour sneaker",
        image: "sneaker",
        until_s: 56.0,
        offers: &[offer(40.0, 12_900, 5), offer(47.0, 9900, 5), offer(52.0, 9900, 0)],
    },
];

/// The show's events in order, each with its second of the show.
pub fn events() -> Vec<(f64, Value)> {
    let of_scene = |scene: &Scene| {
        let scene = *scene;
        let offers = scene.offers.iter().enumerate();
        let offers = offers.map(move |(index, offer)| (offer.from_s, event(&scene, index, offer)));
        offers.collect::<Vec<_>>()
    };
    let mut events: Vec<(f64, Value)> = SCENES.iter().flat_map(of_scene).collect();
    let [.., last] = &SCENES;
    let hide = json!({ "type": "product.hide", "product": { "id": last.id } });
    events.push((last.until_s, hide));
    events.extend(moments());
    events.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    events
}

/// What happens beside the products.
fn moments() -> Vec<(f64, Value)> {
    let question = "Which colour next?";
    let options = json!([{ "id": "sand", "text": "Sand" }, { "id": "sea", "text": "Sea green" }]);
    let votes = |sand: u32, sea: u32| json!({ "id": "colour", "votes": [{ "option": "sand", "count": sand }, { "option": "sea", "count": sea }] });
    let burst = |hearts: u32, claps: u32| json!({ "type": "reaction.burst", "reactions": [{ "kind": "heart", "count": hearts }, { "kind": "clap", "count": claps }] });
    let pin = json!({ "id": "shipping", "author": "Vitrine", "text": "Free shipping during the show" });
    let coupon = json!({ "code": "LIVE10", "text": "10 % off, for viewers only", "percent_off": 10 });
    vec![
        (3.0, json!({ "type": "message.pin", "message": pin })),
        (9.0, burst(120, 45)),
        (11.0, json!({ "type": "coupon.offer", "coupon": coupon })),
        (
            22.0,
            json!({ "type": "poll.open", "poll": { "id": "colour", "question": question, "options": options } }),
        ),
        (25.0, json!({ "type": "poll.tally", "poll": votes(31, 24) })),
        (29.0, json!({ "type": "poll.tally", "poll": votes(88, 97) })),
        (36.0, json!({ "type": "poll.close", "poll": votes(112, 160) })),
        (45.0, json!({ "type": "poll.remove", "poll": { "id": "colour" } })),
        (48.0, burst(240, 90)),
        (
            54.0,
            json!({ "type": "coupon.withdraw", "coupon": { "code": "LIVE10" } }),
        ),
        (
            55.0,
            json!({ "type": "message.unpin", "message": { "id": "shipping" } }),
        ),
    ]
}

fn event(scene: &Scene, index: usize, offer: &Offer) -> Value {
    let price = json!({ "amount": offer.cents, "currency": "EUR" });
    if index > 0 {
        let mut product = json!({ "id": scene.id, "price": price, "stock": offer.stock });
        if let Some(first) = scene.offers.first().filter(|first| first.cents > offer.cents) {
            product["compare_at"] = json!({ "amount": first.cents, "currency": "EUR" });
        }
        return json!({ "type": "product.update", "product": product });
    }
    json!({
        "type": "product.show",
        "product": {
            "id": scene.id,
            "name": scene.name,
            "image": format!("/assets/demo/{}.svg", scene.image),
            "price": price,
            "stock": offer.stock,
            "url": format!("https://shop.example/{}", scene.id),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_stand_in_the_order_of_their_times_and_fill_the_show() {
        let events = events();
        assert!(events.is_sorted_by(|(a, _), (b, _)| a < b));
        assert_eq!(events.first().map(|(at, _)| *at), Some(0.0));
        assert!(events.last().is_some_and(|(at, _)| *at < SHOW_SECONDS));
        assert_eq!(events.len(), 21);
    }

    #[test]
    fn a_product_is_shown_before_it_is_updated() {
        let kinds: Vec<String> = events()
            .iter()
            .map(|(_, event)| format!("{} {}", event["type"], event["product"]["id"]))
            .collect();
        for scene in &SCENES {
            let of_scene: Vec<&String> = kinds.iter().filter(|kind| kind.contains(scene.id)).collect();
            assert!(of_scene.first().is_some_and(|kind| kind.contains("product.show")));
        }
    }
}
