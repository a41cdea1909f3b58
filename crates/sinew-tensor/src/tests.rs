use crate::dispatch::{Level, level};
use crate::kernels::*;
use crate::{Team, reference};

/// Numbers between -1 and 1 that look random and are the same in each run.
fn numbers(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

fn check_near(name: &str, got: &[f32], want: &[f32], tolerance: f32) {
    assert_eq!(got.len(), want.len(), "{name}");
    for (index, (got, want)) in got.iter().zip(want).enumerate() {
        assert!(
            (got - want).abs() <= tolerance * (1.0 + want.abs()),
            "{name} [{index}]: {got} is not near {want}"
        );
    }
}

/// The slope that backward reports along a random direction, against two evaluations beside the point.
fn check_slope(name: &str, point: &[f32], gradient: &[f32], loss: impl Fn(&[f32]) -> f64) {
    for seed in 1..4 {
        let direction = numbers(point.len(), 100 + seed);
        let moved = |by: f32| -> Vec<f32> { point.iter().zip(&direction).map(|(p, d)| p + by * d).collect() };
        let step = 1e-2_f32;
        let measured = (loss(&moved(step)) - loss(&moved(-step))) / f64::from(2.0 * step);
        let told: f64 = gradient.iter().zip(&direction).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
        assert!((measured - told).abs() < 2e-3 * (1.0 + measured.abs()), "{name}: {told} is not {measured}");
    }
}

fn weighted(values: &[f32], weights: &[f32]) -> f64 {
    values.iter().zip(weights).map(|(v, w)| f64::from(*v) * f64::from(*w)).sum()
}

#[test]
fn products_equal_the_reference_on_odd_shapes() {
    for (rows, inner, columns) in
        [(1, 1, 1), (1, 130, 257), (2, 3, 5), (7, 33, 65), (64, 200, 100), (3, 700, 17)]
    {
        let (left, right) = (numbers(rows * inner, 1), numbers(inner * columns, 2));
        let want = reference::matmul(&left, &right, (rows, inner, columns));
        let mut out = vec![1.0; rows * columns];
        let (a, b) = (View::new(&left, rows, inner), View::new(&right, inner, columns));
        rows_times_matrix(ViewMut::new(&mut out, rows, columns), a, b, Mix::Replace);
        check_near("product", &out, &want, 2e-5);
        matmul(ViewMut::new(&mut out, rows, columns), a, b, Mix::Add);
        let twice: Vec<f32> = want.iter().map(|x| x * 2.0).collect();
        check_near("product added", &out, &twice, 4e-5);
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_among_others() {
    for (inner, columns) in [(32, 64), (128, 384), (33, 65), (384, 128), (512, 1024), (256, 32), (1536, 40)] {
        let (left, right) = (numbers(256 * inner, 3), numbers(inner * columns, 4));
        let matrix = View::new(&right, inner, columns);
        let mut all = vec![0.5; 256 * columns];
        matmul(ViewMut::new(&mut all, 256, columns), View::new(&left, 256, inner), matrix, Mix::Add);
        let mut turned = vec![0.0; right.len()];
        for (index, value) in right.iter().enumerate() {
            turned[index % columns * inner + index / columns] = *value;
        }
        let mut same = vec![0.5; 256 * columns];
        let transposed = View::new(&turned, columns, inner).transposed();
        matmul(ViewMut::new(&mut same, 256, columns), View::new(&left, 256, inner), transposed, Mix::Add);
        assert!(all == same, "{inner} x {columns}: the layout of the matrix changed the bits");
        for rows in [1, 2, 3, 8, 65] {
            let mut some = vec![0.5; rows * columns];
            let left = View::new(&left, rows, inner);
            rows_times_matrix(ViewMut::new(&mut some, rows, columns), left, matrix, Mix::Add);
            assert!(
                some == all[..rows * columns],
                "{rows} rows of {inner} x {columns} have other bits than 256 rows"
            );
        }
    }
}

/// Each level that this processor has.
fn levels() -> Vec<Level> {
    #[cfg(target_arch = "x86_64")]
    match level() {
        Level::Avx512 => return vec![Level::Avx512, Level::Avx2, Level::Portable],
        Level::Avx2 => return vec![Level::Avx2, Level::Portable],
        Level::Portable => {}
    }
    vec![Level::Portable]
}

/// Shapes at the edges of tiles, panels and cuts.
const SHAPES: [(usize, usize, usize); 9] = [
    (1, 1, 1),
    (1, 130, 257),
    (2, 3, 5),
    (7, 33, 65),
    (64, 200, 100),
    (3, 700, 17),
    (13, 512, 64),
    (25, 513, 63),
    (6, 0, 9),
];

#[test]
fn packed_products_equal_the_reference_at_every_level() {
    for level in levels() {
        for (rows, inner, columns) in SHAPES {
            let (left, right) = (numbers(rows * inner, 1), numbers(inner * columns, 2));
            let want = reference::matmul(&left, &right, (rows, inner, columns));
            let twice: Vec<f32> = want.iter().map(|x| x * 2.0).collect();
            let mut packed = Packed::default();
            packed.pack(View::new(&right, inner, columns));
            let mut out = vec![1.0; rows * columns];
            let view = View::new(&left, rows, inner);
            product_at(level, ViewMut::new(&mut out, rows, columns), view, &packed, Mix::Replace);
            check_near("packed product", &out, &want, 2e-5);
            product_at(level, ViewMut::new(&mut out, rows, columns), view, &packed, Mix::Add);
            check_near("packed product added", &out, &twice, 4e-5);
            let left = turned(&left, rows, inner);
            let views = (View::new(&left, inner, rows), View::new(&right, inner, columns));
            let room = &mut TurnedRoom::default();
            turned_at(level, ViewMut::new(&mut out, rows, columns), views, Mix::Replace, room);
            check_near("turned product", &out, &want, 2e-5);
        }
    }
}

/// The columns of a row-major matrix as rows.
fn turned(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|index| values[index % rows.max(1) * columns + index / rows.max(1)]).collect()
}

#[test]
fn packed_products_have_the_bits_of_plain_ones() {
    for (rows, inner, columns) in SHAPES.into_iter().chain([(256, 256, 96), (256, 1536, 40), (64, 1024, 257)])
    {
        let (left, right) = (numbers(rows * inner, 5), numbers(inner * columns, 6));
        let (view, matrix) = (View::new(&left, rows, inner), View::new(&right, inner, columns));
        let mut want = vec![0.25; rows * columns];
        for row in 0..rows {
            let out = ViewMut::new(&mut want[row * columns..][..columns], 1, columns);
            rows_times_matrix(out, View::new(&left[row * inner..], 1, inner), matrix, Mix::Add);
        }
        let check = |name: &str, packed: &Packed| {
            let mut out = vec![0.25; rows * columns];
            product(ViewMut::new(&mut out, rows, columns), view, packed, Mix::Add);
            assert!(out == want, "{rows} x {inner} x {columns}: {name} has other bits");
        };
        let mut packed = Packed::default();
        packed.pack(matrix);
        check("the packed product", &packed);
        let right = turned(&right, inner, columns);
        packed.pack(View::new(&right, columns, inner).transposed());
        check("the packed product of a transposed view", &packed);
        let (left, mut out) = (turned(&left, rows, inner), vec![0.25; rows * columns]);
        let target = ViewMut::new(&mut out, rows, columns);
        product_of_turned(
            target,
            View::new(&left, inner, rows),
            matrix,
            Mix::Add,
            &mut TurnedRoom::default(),
        );
        assert!(out == want, "{rows} x {inner} x {columns}: the turned product has other bits");
    }
}

#[test]
fn products_carry_hostile_numbers_to_their_row_and_column_only() {
    let (rows, inner, columns) = (9, 40, 70);
    for level in levels() {
        for hostile in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-42, -1e-45, f32::MAX] {
            let (mut left, mut right) = (numbers(rows * inner, 7), numbers(inner * columns, 8));
            left[3 * inner + 5] = hostile;
            right[7 * columns + 66] = hostile;
            let mut packed = Packed::default();
            packed.pack(View::new(&right, inner, columns));
            let mut out = vec![0.0; rows * columns];
            let view = View::new(&left, rows, inner);
            product_at(level, ViewMut::new(&mut out, rows, columns), view, &packed, Mix::Replace);
            let want = reference::matmul(&left, &right, (rows, inner, columns));
            for (index, (got, want)) in out.iter().zip(&want).enumerate() {
                let same = got == want || (got.is_nan() && want.is_nan());
                let near = (got - want).abs() <= 2e-5 * (1.0 + want.abs());
                assert!(same || near, "{hostile} at {level:?} [{index}]: {got} is not {want}");
                let touched = index / columns == 3 || index % columns == 66;
                assert!(got.is_finite() || touched, "{hostile} reached [{index}]");
            }
        }
    }
}

#[test]
#[should_panic(expected = "needs 12 numbers, not 11")]
fn a_view_past_its_slice_is_refused() {
    View::new(&[0.0; 11], 3, 4);
}

#[test]
fn norm_equals_the_reference_and_its_slope_is_right() {
    for (rows, width) in [(1, 1), (3, 7), (5, 64), (4, 130)] {
        let (input, gain, upstream) = (numbers(rows * width, 5), numbers(width, 6), numbers(rows * width, 7));
        let forward = |input: &[f32], gain: &[f32]| {
            let (mut out, mut factors) = (vec![0.0; input.len()], vec![0.0; rows]);
            rms_norm_forward(&mut out, &mut factors, input, gain, 1e-3);
            (out, factors)
        };
        let (out, factors) = forward(&input, &gain);
        check_near("norm", &out, &reference::rms_norm(&input, &gain, 1e-3), 1e-5);
        let (mut dx, mut dg) = (vec![0.0; input.len()], vec![0.0; width]);
        let pass = NormBackward { upstream: &upstream, input: &input, factors: &factors, gain: &gain };
        rms_norm_backward(&mut dx, &mut dg, &pass);
        if width > 1 {
            check_slope("norm input", &input, &dx, |x| weighted(&forward(x, &gain).0, &upstream));
        }
        check_slope("norm gain", &gain, &dg, |g| weighted(&forward(&input, g).0, &upstream));
    }
}

#[test]
fn rotary_equals_the_reference_and_turns_back() {
    for (positions, heads, width) in [(1, 1, 2), (9, 3, 10), (70, 2, 32)] {
        let rows = numbers(positions * heads * width, 8);
        let turns = Rotary::new(positions, width, 10_000.0);
        let mut turned = rows.clone();
        let places: Vec<usize> = (0..positions).collect();
        rotary_forward(&mut turned, heads * width, heads * width, &turns, &places);
        check_near("rotary", &turned, &reference::rotary(&rows, heads, width, 10_000.0), 1e-5);
        rotary_backward(&mut turned, heads * width, heads * width, &turns, &places);
        check_near("rotary back", &turned, &rows, 1e-5);
    }
}

#[test]
fn attention_equals_the_reference_and_its_slope_is_right() {
    for (positions, heads, kv_heads, width) in [(1, 1, 1, 2), (9, 4, 2, 6), (65, 2, 2, 16), (130, 3, 1, 8)] {
        let shape = Heads { heads, kv_heads, width };
        let qkv = numbers(positions * shape.row_step(), 9);
        let upstream = numbers(positions * shape.out_width(), 10);
        for text in [1000, 40, 7] {
            let starts: Vec<usize> = (0..positions).map(|position| position / text * text).collect();
            let forward = |qkv: &[f32]| {
                let (mut out, mut logs) =
                    (vec![0.0; positions * heads * width], vec![0.0; positions * heads]);
                let seen = Seen { qkv, starts: &starts, heads: shape };
                attention_forward(&mut out, &mut logs, &seen, &mut Scratch::default());
                (out, logs)
            };
            let (out, logs) = forward(&qkv);
            let texts = qkv.chunks(text * shape.row_step());
            let want: Vec<f32> =
                texts.flat_map(|qkv| reference::attention(qkv, heads, kv_heads, width)).collect();
            check_near("attention", &out, &want, 1e-5);
            let mut gradient = vec![7.0; qkv.len()];
            let seen = Seen { qkv: &qkv, starts: &starts, heads: shape };
            attention_backward(&mut gradient, &upstream, &logs, &seen, &mut Scratch::default());
            check_slope("attention", &qkv, &gradient, |qkv| weighted(&forward(qkv).0, &upstream));
        }
    }
}

#[test]
fn attention_keeps_nothing_from_one_row_to_the_next() {
    let shape = Heads { heads: 4, kv_heads: 2, width: 32 };
    let scratch = &mut Scratch::default();
    for (seed, text) in [(20, 1000), (21, 1000), (22, 90), (23, 7)] {
        let (qkv, upstream) = (numbers(150 * shape.row_step(), seed), numbers(150 * shape.out_width(), 24));
        let starts: Vec<usize> = (0..150).map(|position| position / text * text).collect();
        let seen = Seen { qkv: &qkv, starts: &starts, heads: shape };
        let run = |scratch: &mut Scratch| {
            let (mut out, mut logs) = (vec![0.0; 150 * shape.out_width()], vec![0.0; 150 * shape.heads]);
            attention_forward(&mut out, &mut logs, &seen, scratch);
            let mut gradient = vec![f32::NAN; qkv.len()];
            attention_backward(&mut gradient, &upstream, &logs, &seen, scratch);
            (out, logs, gradient)
        };
        assert!(run(scratch) == run(&mut Scratch::default()), "texts of {text}");
    }
}

#[test]
fn cached_attention_has_the_bits_of_the_whole_one() {
    let shape = Heads { heads: 4, kv_heads: 2, width: 32 };
    let positions = 200;
    let qkv = numbers(positions * shape.row_step(), 11);
    let (mut whole, mut logs) = (vec![0.0; positions * shape.out_width()], vec![0.0; positions * 4]);
    let seen = Seen { qkv: &qkv, starts: &[0; 200], heads: shape };
    attention_forward(&mut whole, &mut logs, &seen, &mut Scratch::default());
    let mut cache = CachedRows::new(shape, 256);
    let mut first = 0;
    for rows in [1, 1, 5, 64, 70, 1, 58] {
        let new = &qkv[first * shape.row_step()..(first + rows) * shape.row_step()];
        cache.put(new, first);
        let mut out = vec![0.0; rows * shape.out_width()];
        attention_with_cache(&mut out, new, &cache, first, &mut Scratch::default());
        let want = &whole[first * shape.out_width()..(first + rows) * shape.out_width()];
        assert!(out == want, "{rows} rows from {first}");
        first += rows;
    }
    assert_eq!(first, positions);
}

#[test]
fn swiglu_equals_the_reference_and_its_slope_is_right() {
    for (rows, width) in [(1, 1), (3, 17), (2, 64)] {
        let input: Vec<f32> = numbers(rows * 2 * width, 12).iter().map(|x| x * 6.0).collect();
        let upstream = numbers(rows * width, 13);
        let forward = |input: &[f32]| {
            let mut out = vec![0.0; rows * width];
            swiglu_forward(&mut out, input, width);
            out
        };
        check_near("swiglu", &forward(&input), &reference::swiglu(&input, width), 1e-5);
        let (mut gradient, mut unit) = (input.clone(), upstream.clone());
        swiglu_turn(&mut gradient, &mut unit, width);
        assert_eq!(unit, forward(&input), "backward makes the same unit again");
        check_slope("swiglu", &input, &gradient, |input| weighted(&forward(input), &upstream));
    }
}

#[test]
fn swiglu_of_extreme_gates_is_finite() {
    let mut out = [0.0; 4];
    swiglu_forward(&mut out, &[-1e30, -200.0, 200.0, 1e30, 1.0, 1.0, 1.0, 1.0], 4);
    assert!(out.iter().all(|y| y.is_finite()), "{out:?}");
    assert_eq!(out[2..], [200.0, 1e30]);
}

#[test]
fn cross_entropy_equals_the_reference_and_its_slope_is_right() {
    for (rows, width) in [(1, 2), (3, 37), (5, 256)] {
        let logits: Vec<f32> = numbers(rows * width, 14).iter().map(|x| x * 4.0).collect();
        let weights = numbers(rows, 15);
        let targets: Vec<u32> = (0..rows as u32).map(|row| row * 7 % width as u32).collect();
        let mut gradient = logits.clone();
        let loss = cross_entropy(&mut gradient, &targets, &weights);
        let want = reference::cross_entropy(&logits, &targets, &weights);
        assert!((loss - want).abs() < 1e-5 * (1.0 + want.abs()), "{loss} is not {want}");
        check_slope("cross-entropy", &logits, &gradient, |z| reference::cross_entropy(z, &targets, &weights));
        let logs: f64 = (0..rows)
            .map(|row| {
                let mut line = logits[row * width..(row + 1) * width].to_vec();
                f64::from(log_probability(&mut line, targets[row] as usize) * -weights[row])
            })
            .sum();
        assert!((logs - want).abs() < 1e-5 * (1.0 + want.abs()), "{logs} is not {want}");
    }
}

#[test]
fn embedding_copies_and_adds_up() {
    let table: Vec<f32> = (0..12).map(|x| x as f32).collect();
    let mut out = [0.0; 9];
    embedding_forward(&mut out, &table, &[3, 0, 3], 3);
    assert_eq!(out, [9.0, 10.0, 11.0, 0.0, 1.0, 2.0, 9.0, 10.0, 11.0]);
    let mut gradient = vec![0.0; 12];
    embedding_backward(&mut gradient, &out, &[3, 0, 3], 3);
    assert_eq!(gradient[9..], [18.0, 20.0, 22.0]);
    assert_eq!(gradient[..3], [0.0, 1.0, 2.0]);
}

#[test]
fn adamw_equals_the_reference_over_steps() {
    let mut weights = numbers(37, 16);
    let (mut first, mut second) = (vec![0.0; 37], vec![0.0; 37]);
    let mut want: Vec<[f64; 3]> = weights.iter().map(|w| [f64::from(*w), 0.0, 0.0]).collect();
    for step in 1..6 {
        let gradient = numbers(37, 20 + step as u64);
        let settings = AdamW {
            rate: 1e-2,
            betas: (0.9, 0.95),
            corrections: (1.0 - 0.9_f32.powi(step), 1.0 - 0.95_f32.powi(step)),
            epsilon: 1e-8,
            decay: 0.1,
            gradient_scale: 0.5,
        };
        let moments = Moments { first: &mut first, second: &mut second };
        adamw(&mut weights, moments, &gradient, &settings);
        for (state, gradient) in want.iter_mut().zip(&gradient) {
            *state = reference::adamw(*state, f64::from(*gradient) * 0.5, 1e-2, 0.1, step);
        }
    }
    let want: Vec<f32> = want.iter().map(|state| state[0] as f32).collect();
    check_near("adamw", &weights, &want, 1e-5);
}

#[test]
fn any_team_does_each_item_once() {
    for threads in [1, 2, 3] {
        let team = Team::new(threads);
        assert_eq!(team.threads(), threads);
        for length in [0, 1, 2, 100] {
            let mut items = vec![0; length];
            team.for_each(&mut items, |index, item| *item += index + 1);
            assert_eq!(items, (1..=length).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_panic_in_an_item_reaches_the_caller_and_the_team_lives_on() {
    let team = Team::new(2);
    let mut items = vec![0; 10];
    let failing = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        team.for_each(&mut items, |index, _| assert!(index != 7, "item seven"));
    }));
    assert!(failing.is_err());
    team.for_each(&mut items, |_, item| *item = 1);
    assert_eq!(items, [1; 10]);
}

#[test]
fn the_tree_adds_all_parts() {
    let parts: Vec<Vec<f32>> = (0..PARTS).map(|part| numbers(19, 30 + part as u64)).collect();
    let views: [&[f32]; PARTS - 1] = std::array::from_fn(|part| parts[part + 1].as_slice());
    let mut out = parts[0].clone();
    tree_sum(&mut out, &views);
    let want: Vec<f32> = (0..19).map(|i| parts.iter().map(|part| part[i]).sum()).collect();
    check_near("tree", &out, &want, 1e-6);
}
