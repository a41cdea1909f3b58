use super::*;

/// Sixteen-bit floats by their definition.
fn slow_half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from((bits >> 10) & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2.0_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2.0_f64.powi(exponent - 15),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

#[test]
fn every_sixteen_bit_float_has_its_value() {
    for bits in 0..=u16::MAX {
        let (fast, slow) = (f64::from(half_bits(bits)), slow_half(bits));
        assert!(
            fast.to_bits() == slow.to_bits() || (fast.is_nan() && slow.is_nan()),
            "{bits:#x}: {fast} {slow}"
        );
    }
}

#[test]
fn blocks_stand_for_the_numbers_that_their_formulas_say() {
    let one = [0x00, 0x3c];
    let mut q4 = [0.0; 32];
    let nibbles: Vec<u8> = (0..16).map(|low| low | (15 - low) << 4).collect();
    dequantise(&mut q4, &[&one[..], &nibbles].concat(), Format::Q4_0);
    assert_eq!((q4[0], q4[15], q4[16], q4[31]), (-8.0, 7.0, 7.0, -8.0));
    dequantise(&mut q4, &[&one[..], &one, &nibbles].concat(), Format::Q4_1);
    assert_eq!((q4[0], q4[15], q4[16], q4[31]), (1.0, 16.0, 16.0, 1.0));
    let bytes: Vec<u8> = (0..32).map(|q| 240 + q % 16).collect();
    dequantise(&mut q4, &[&one[..], &bytes].concat(), Format::Q8_0);
    assert_eq!((q4[0], q4[15]), (-16.0, -1.0));
    let mut one_number = [0.0];
    dequantise(&mut one_number, &[0xc0, 0xbf], Format::Bf16);
    assert_eq!(one_number, [-1.5]);
}

#[test]
fn wide_blocks_have_a_scale_for_each_part() {
    let mut numbers = [0.0; 256];
    let mut block = [0_u8; 144];
    (block[1], block[3]) = (0x3c, 0x3c);
    // Part 0: scale 3, least 5. Part 7: scale 0b10_0011, least 0b01_0010.
    (block[4], block[8]) = (3, 5);
    block[15] = 0x23;
    block[7] = 0b1000_0000;
    block[11] = 0b0100_0000;
    block[16] = 0x04;
    block[16 + 96] = 0x20;
    dequantise(&mut numbers, &block, Format::Q4K);
    assert_eq!((numbers[0], numbers[1]), (3.0 * 4.0 - 5.0, -5.0));
    assert_eq!((numbers[224], numbers[225]), (35.0 * 2.0 - 18.0, -18.0));
    let mut block = [0_u8; 210];
    block[209] = 0x3c;
    (block[192], block[192 + 15]) = (2, 254);
    (block[0], block[128]) = (0x05, 0x01);
    (block[127], block[128 + 63]) = (0xf0, 0xc0);
    dequantise(&mut numbers, &block, Format::Q6K);
    assert_eq!((numbers[0], numbers[255]), (2.0 * (21.0 - 32.0), -2.0 * (63.0 - 32.0)));
}
