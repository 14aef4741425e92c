//! How evenly names find their homes, and members their shards.

use shardwire::state::homes::home_of;

use super::anonymous;
use super::simulator::fleet::Fleet;
use super::simulator::random::Random;

/// Records a shard is home to, of so many names.
fn homes(shards: u16, names: usize, seed: u64) -> Vec<usize> {
    let mut counts = vec![0; usize::from(shards)];
    for name in 0..names {
        counts[home_of(&format!("room:{name}"), seed, shards).index()] += 1;
    }
    counts
}

/// With names thrown at random a shard's share has a standard deviation of `sqrt(mean)`; the
/// fullest of 256 shards is beyond five of them about once in ten thousand runs.
#[test]
fn a_hundred_thousand_rooms_find_homes_as_evenly_as_chance_allows() {
    let names = 100_000;
    for shards in [2, 64, 256] {
        for seed in 1..=3 {
            let mean = names as f64 / f64::from(shards);
            for count in homes(shards, names, seed) {
                let off = (count as f64 - mean).abs();
                assert!(off <= 5.0 * mean.sqrt(), "{shards} shards, seed {seed}: {count}");
            }
        }
    }
}

/// Names that differ in one digit, or have one length, or none in common.
#[test]
fn regular_names_have_no_favourite_home() {
    let shards = 64;
    let shapes: [fn(u64) -> String; 3] = [
        |n| format!("{:064}", n),
        |n| format!("org/{}/team/{}", n % 100, n / 100),
        |n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
    ];
    for (place, shape) in shapes.iter().enumerate() {
        let mut counts = [0_u32; 64];
        (0..20_000).for_each(|n| counts[home_of(&shape(n), 9, shards).index()] += 1);
        let mean = 20_000.0 / f64::from(shards);
        let worst = counts.iter().map(|count| (f64::from(*count) - mean).abs()).fold(0.0, f64::max);
        assert!(worst <= 5.0 * mean.sqrt(), "shape {place}: {counts:?}");
    }
}

/// A room of `members` on random shards watches from `S (1 - (1 - 1/S)^members)` of them: small
/// rooms are spread thin, and nearly every delivery crosses the mesh by itself.
#[test]
fn a_room_is_spread_over_as_many_shards_as_the_model_says() {
    let (shards, rooms) = (64_u16, 40);
    for members in [2, 10, 50] {
        let mut fleet = Fleet::new(&anonymous(), shards);
        let mut random = Random::new(members);
        for room in 0..rooms {
            let target = format!("room:{room}");
            for _ in 0..members {
                let member = fleet.connect(random.index(usize::from(shards)), "");
                fleet.settle();
                fleet.say(member, "join", &target);
            }
            fleet.settle();
        }
        let watched = fleet.shards.iter().map(|shard| shard.live().rooms as u64).sum::<u64>();
        let s = f64::from(shards);
        let wanted = s * (1.0 - (1.0 - 1.0 / s).powf(members as f64)) * f64::from(rooms);
        let off = (watched as f64 - wanted).abs() / wanted;
        assert!(off < 0.05, "{members} members: {watched} watches, the model says {wanted:.0}");
    }
}
