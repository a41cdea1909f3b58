use super::super::{Format, dequantise};
use super::*;

/// Numbers that look like chance and are the same on every machine.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    fn unit(&mut self) -> f32 {
        self.next() as f32 / (1_u64 << 31) as f32
    }
}

const FEW: [Format; 5] = [Format::Q4_0, Format::Q4_1, Format::Q8_0, Format::Q4K, Format::Q6K];

/// The bytes of a matrix with small scales.
fn bytes_of(format: Format, numbers: usize, chance: &mut Chance) -> Vec<u8> {
    let count = format.row_bytes(numbers).expect("whole blocks");
    let mut bytes: Vec<u8> = (0..count).map(|_| chance.next() as u8).collect();
    let scales: &[usize] = match format {
        Format::Q4_0 | Format::Q8_0 => &[1],
        Format::Q4_1 | Format::Q4K => &[1, 3],
        _ => &[209],
    };
    for block in bytes.chunks_exact_mut(format.block_bytes()) {
        for place in scales {
            // The high byte of a 16-bit float: its exponent, held near 2 to the -8.
            block[*place] = (block[*place] & 0x83) | 0x1c;
        }
    }
    bytes
}

fn activations(rows: &[f32], count: usize, width: usize) -> Activations {
    let mut few = Activations::default();
    few.resize(count, width);
    for (mut slot, row) in few.rows_mut().zip(rows.chunks_exact(width)) {
        slot.fill(row);
    }
    few
}

/// The numbers that 8-bit activations stand for.
fn meant(few: &Activations) -> Vec<f32> {
    let scales = few.scales.iter().flat_map(|scale| std::iter::repeat_n(*scale, BLOCK));
    few.numbers.iter().zip(scales).map(|(q, scale)| f32::from(*q) * scale).collect()
}

#[test]
fn products_of_few_bits_are_those_of_the_numbers_they_stand_for() {
    let mut chance = Chance(1);
    let crew = Crew::new(2);
    for format in FEW {
        for (rows, columns, count) in [(16, 256, 1), (40, 512, 7), (5, 256, 8), (33, 768, 32)] {
            let bytes = bytes_of(format, rows * columns, &mut chance);
            let mut numbers = vec![0.0; rows * columns];
            dequantise(&mut numbers, &bytes, format);
            let shape = (rows, columns);
            let packed = Packed::new(format, &bytes, shape, &|row| row, &crew).expect("few bits");
            let input: Vec<f32> = (0..count * columns).map(|_| chance.unit() * 2.0 - 1.0).collect();
            let few = activations(&input, count, columns);
            let mut out = vec![0.0; count * rows];
            let matrix = Matrix::Few(packed);
            let products = &mut [Product { matrix: &matrix, out: &mut out }];
            multiply(&crew, products, Input { rows: count, full: &[], few: &few }, Put::Replace);
            let meant = meant(&few);
            for (index, found) in out.iter().enumerate() {
                let (row, column) = (index / rows, index % rows);
                let pairs =
                    meant[row * columns..][..columns].iter().zip(&numbers[column * columns..][..columns]);
                let wanted: f64 = pairs.clone().map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                let size: f64 = pairs.map(|(x, w)| f64::from(x * w).abs()).sum();
                let gap = (f64::from(*found) - wanted).abs();
                assert!(gap <= size * 2e-5, "{format:?} {rows}x{columns}: {found} is not {wanted}");
            }
        }
    }
}

#[test]
fn a_row_has_the_same_bits_whatever_stands_beside_it_and_on_every_path() {
    let mut chance = Chance(2);
    let (rows, columns, most) = (48, 512, 32);
    let input: Vec<f32> = (0..most * columns).map(|_| chance.unit() * 2.0 - 1.0).collect();
    for format in FEW {
        let bytes = bytes_of(format, rows * columns, &mut chance);
        let alone = Crew::new(1);
        let packed = Packed::new(format, &bytes, (rows, columns), &|row| row, &alone).expect("few bits");
        let few = activations(&input, most, columns);
        // The path without special instructions is the measure.
        let mut wanted = vec![[0.0; TILE_ROWS]; most * rows / TILE_ROWS];
        for (index, sums) in wanted.iter_mut().enumerate() {
            let (row, strip) = (index / (rows / TILE_ROWS), index % (rows / TILE_ROWS));
            let blocks = row * packed.blocks..(row + 1) * packed.blocks;
            let row = FewRow {
                numbers: &few.numbers[blocks.start * BLOCK..blocks.end * BLOCK],
                scales: &few.scales[blocks.clone()],
                sums: &few.sums[blocks.clone()],
                weighted: &few.weighted[blocks],
            };
            few_row(sums, packed.strip(strip), packed.kind, &row);
        }
        let wanted: Vec<u32> = wanted.as_flattened().iter().map(|sum| sum.to_bits()).collect();
        let matrix = Matrix::Few(packed);
        for count in [1, 2, 7, 8, 32] {
            for threads in [1, 3] {
                let few = activations(&input, count, columns);
                let mut out = vec![0.0; count * rows];
                let products = &mut [Product { matrix: &matrix, out: &mut out }];
                multiply(
                    &Crew::new(threads),
                    products,
                    Input { rows: count, full: &[], few: &few },
                    Put::Replace,
                );
                let found: Vec<u32> = out.iter().map(|number| number.to_bits()).collect();
                assert_eq!(found, wanted[..count * rows], "{format:?} {count} rows {threads} threads");
            }
        }
    }
}

#[test]
fn full_products_are_right_for_odd_shapes() {
    let mut chance = Chance(3);
    let crew = Crew::new(2);
    for (rows, columns, count) in [(1, 1, 1), (17, 3, 2), (15, 31, 9), (64, 8, 1)] {
        let numbers: Vec<f32> = (0..rows * columns).map(|_| chance.unit() - 0.5).collect();
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let matrix =
            Matrix::Full(Dense::new(Format::F32, &bytes, (rows, columns), &|row| rows - 1 - row, &crew));
        let input: Vec<f32> = (0..count * columns).map(|_| chance.unit() - 0.5).collect();
        let mut out = vec![1.0; count * rows];
        let none = Activations::default();
        let products = &mut [Product { matrix: &matrix, out: &mut out }];
        multiply(&crew, products, Input { rows: count, full: &input, few: &none }, Put::Add);
        for (index, found) in out.iter().enumerate() {
            let (row, column) = (index / rows, rows - 1 - index % rows);
            let pairs = input[row * columns..][..columns].iter().zip(&numbers[column * columns..][..columns]);
            let wanted = 1.0 + pairs.map(|(x, w)| x * w).sum::<f32>();
            assert!((found - wanted).abs() < 1e-5, "{rows}x{columns}: {found} is not {wanted}");
        }
    }
}

#[test]
fn what_is_not_finite_is_not_hidden_and_what_is_tiny_is_zero() {
    let crew = Crew::new(1);
    let bytes = bytes_of(Format::Q4_1, 16 * 64, &mut Chance(4));
    let matrix =
        Matrix::Few(Packed::new(Format::Q4_1, &bytes, (16, 64), &|row| row, &crew).expect("few bits"));
    let product = |value: f32| {
        let mut row = vec![0.5; 64];
        row[40] = value;
        let few = activations(&row, 1, 64);
        let mut out = vec![0.0; 16];
        let products = &mut [Product { matrix: &matrix, out: &mut out }];
        multiply(&crew, products, Input { rows: 1, full: &[], few: &few }, Put::Replace);
        out
    };
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN] {
        assert!(product(bad).iter().all(|number| number.is_nan()), "{bad}");
    }
    for tiny in [0.0, 1e-40, -1e-45, f32::MIN_POSITIVE] {
        assert_eq!(product(tiny), product(0.0), "{tiny}");
    }
    let few = activations(&[1e-42; 32], 1, 32);
    assert!(few.numbers.iter().all(|q| *q == 0));
}
