use super::*;

fn number(seed: usize) -> f32 {
    ((seed * 7919 % 1013) as f32 / 1013.0 - 0.5) * 3.0
}

/// Keys and values of `positions` positions in pages.
fn pages(width: usize, positions: usize) -> Vec<Vec<f32>> {
    let mut pages = vec![vec![0.0; head_numbers(width)]; positions.div_ceil(PAGE)];
    for position in 0..positions {
        let key: Vec<f32> = (0..width).map(|channel| number(position * 31 + channel)).collect();
        let value: Vec<f32> = (0..width).map(|channel| number(position * 17 + channel + 5)).collect();
        put(&mut pages[position / PAGE], position % PAGE, &key, &value);
    }
    pages
}

fn attend(queries: &mut [Query], pages: &[Vec<f32>], width: usize) -> Vec<Vec<f32>> {
    for (index, page) in pages.iter().enumerate() {
        visit(queries, page, index);
    }
    let finished = |query: &Query| {
        let mut out = vec![0.0; width];
        query.finish(&mut out);
        out
    };
    queries.iter().map(finished).collect()
}

fn query(width: usize, seed: usize, seen: usize) -> Query {
    let channels: Vec<f32> = (0..width).map(|channel| number(seed * 101 + channel)).collect();
    Query::new(&channels, seen, 0.25)
}

fn slow(width: usize, seed: usize, seen: usize) -> Vec<f64> {
    let score = |position: usize| {
        let pair =
            |channel| f64::from(number(seed * 101 + channel)) * f64::from(number(position * 31 + channel));
        ((0..width).map(pair).sum::<f64>() * 0.25).exp()
    };
    let whole: f64 = (0..seen).map(score).sum();
    let mixed = |channel: usize| {
        (0..seen)
            .map(|position| score(position) * f64::from(number(position * 17 + channel + 5)))
            .sum::<f64>()
            / whole
    };
    (0..width).map(mixed).collect()
}

#[test]
fn attention_in_pages_is_attention() {
    for (width, seen) in [(8, 1), (64, 64), (64, 65), (16, 200), (128, 130)] {
        let found = attend(&mut [query(width, 3, seen)], &pages(width, seen), width);
        for (found, wanted) in found[0].iter().zip(slow(width, 3, seen)) {
            assert!((f64::from(*found) - wanted).abs() < 1e-4, "{width} {seen}: {found} is not {wanted}");
        }
    }
}

#[test]
fn a_query_has_the_same_bits_alone_and_among_others_that_see_more_or_less() {
    let (width, positions) = (64, 300);
    let pages = pages(width, positions);
    for count in [1, 2, 3, 7, 32] {
        let seen = |index: usize| 1 + (index * 37) % positions;
        let mut together: Vec<Query> = (0..count).map(|index| query(width, index, seen(index))).collect();
        let together = attend(&mut together, &pages, width);
        for (index, found) in together.iter().enumerate() {
            let alone =
                attend(&mut [query(width, index, seen(index))], &pages[..seen(index).div_ceil(PAGE)], width);
            assert_eq!(&alone[0], found, "query {index} of {count}");
        }
    }
}

#[test]
fn the_wide_path_has_the_bits_of_the_plain_one() {
    let width = 64;
    let page = pages(width, 64).remove(0);
    let mut one = query(width, 5, 50);
    let (keys, values) = page.split_at(PAGE * width);
    let mut plain = [0.0; PAGE];
    score_plain(&mut plain, &one.channels, keys);
    let mut found = [[0.0; PAGE]];
    score(&mut found, &[&mut one], keys);
    assert_eq!(plain, found[0]);
    let mut mixed = one.mixed.clone();
    mix_plain(&mut mixed, &plain, 0.5, values);
    mix(&mut [&mut one], &found, [0.5], values);
    assert_eq!(mixed, one.mixed);
}
