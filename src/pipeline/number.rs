//! What expressions mean by numbers: arithmetic without surprises, order, texts.
//!
//! Invariants: an int never wraps around; what has no result is a reject. No allocation. Used by
//! the evaluator alone.

use std::cmp::Ordering;
use std::io::Write;

use super::operand::Binary;
use super::value::Value;
use crate::reject::Reject;

/// A JSON number: an int where it is written as one and fits, else a double; `None` where it is
/// too large for that, too.
pub fn of_json(text: &[u8]) -> Option<Value> {
    if let Some(int) = short_int(text) {
        return Some(Value::Int(int));
    }
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(int) = text.parse() {
        return Some(Value::Int(int));
    }
    let double: f64 = text.parse().ok()?;
    double.is_finite().then_some(Value::Double(double))
}

/// Of so few digits that it fits, as most are; nothing else is looked at twice.
fn short_int(text: &[u8]) -> Option<i64> {
    const DIGITS_MAX: usize = 18;
    let (digits, is_negative) = match text {
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0, |size, digit| size * 10 + i64::from(digit - b'0'));
    Some(if is_negative { -size } else { size })
}

/// `+ - * / %` of two ints.
pub fn ints(op: Binary, left: i64, right: i64) -> Result<i64, Reject> {
    let result = match op {
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => left.checked_mul(right),
        Binary::Divide => left.checked_div(right),
        Binary::Remainder => left.checked_rem(right),
        _ => return Err(Reject::BadType),
    };
    result.ok_or(Reject::BadValue)
}

/// `+ - * /` of two doubles, as IEEE 754 has them.
pub fn doubles(op: Binary, left: f64, right: f64) -> Result<f64, Reject> {
    match op {
        Binary::Add => Ok(left + right),
        Binary::Subtract => Ok(left - right),
        Binary::Multiply => Ok(left * right),
        Binary::Divide => Ok(left / right),
        _ => Err(Reject::BadType),
    }
}

/// The order of two numbers of any kind, exact even where a double cannot hold the int; `None`
/// where one is no number (NaN).
pub fn order(left: Value, right: Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(&right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(&right),
        (Value::Int(left), Value::Double(right)) => mixed(left, right),
        (Value::Double(left), Value::Int(right)) => mixed(right, left).map(Ordering::reverse),
        _ => None,
    }
}

/// 2^63, the first double above every int.
const ABOVE_INTS: f64 = 9_223_372_036_854_775_808.0;

fn mixed(int: i64, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double >= ABOVE_INTS {
        return Some(Ordering::Less);
    }
    if double < -ABOVE_INTS {
        return Some(Ordering::Greater);
    }
    let whole = double.trunc();
    let rest = || 0.0f64.partial_cmp(&(double - whole));
    match int.cmp(&(whole as i64)) {
        Ordering::Equal => rest(),
        order => Some(order),
    }
}

/// `int(double)`: towards zero; the ends of the range are refused, as CEL does.
pub fn int_of_double(double: f64) -> Result<i64, Reject> {
    match double > -ABOVE_INTS && double < ABOVE_INTS {
        true => Ok(double.trunc() as i64),
        false => Err(Reject::BadValue),
    }
}

pub fn int_of_text(text: &[u8]) -> Result<i64, Reject> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).ok_or(Reject::BadValue)
}

pub fn double_of_text(text: &[u8]) -> Result<f64, Reject> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).ok_or(Reject::BadValue)
}

pub fn bool_of_text(text: &[u8]) -> Result<bool, Reject> {
    match text {
        b"true" | b"True" | b"TRUE" | b"t" | b"1" => Ok(true),
        b"false" | b"False" | b"FALSE" | b"f" | b"0" => Ok(false),
        _ => Err(Reject::BadValue),
    }
}

pub fn write_int(int: i64, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{int}");
}

/// The shortest text that reads back as the same double, in JSON's grammar where it is finite.
pub fn write_double(double: f64, out: &mut Vec<u8>) {
    let size = double.abs();
    let _ = match double {
        _ if double.is_nan() => write!(out, "NaN"),
        _ if double.is_infinite() && double > 0.0 => write!(out, "Infinity"),
        _ if double.is_infinite() => write!(out, "-Infinity"),
        _ if size != 0.0 && !(1e-6..1e21).contains(&size) => return write_exponent(double, out),
        _ => write!(out, "{double}"),
    };
}

/// `6.02214e+23`: the sign of an exponent is written.
fn write_exponent(double: f64, out: &mut Vec<u8>) {
    let start = out.len();
    let _ = write!(out, "{double:e}");
    let place = out.iter().skip(start).position(|byte| *byte == b'e').map(|place| start + place);
    if let Some(place) = place.filter(|place| out.get(place + 1) != Some(&b'-')) {
        out.insert(place + 1, b'+');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(double: f64) -> String {
        let mut out = Vec::new();
        write_double(double, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_are_written_short() {
        for (double, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (123.456, "123.456"),
            (-987.654, "-987.654"),
            (6.02214e23, "6.02214e+23"),
            (1.38e-23, "1.38e-23"),
            (1e21, "1e+21"),
            (123456789012345680000.0, "123456789012345680000"),
            (0.000001, "0.000001"),
            (1e-7, "1e-7"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            assert_eq!(shown(double), text);
            assert!(text.parse::<f64>().is_ok_and(|back| back == double || double.is_nan()));
        }
    }

    #[test]
    fn an_int_and_a_double_have_an_exact_order() {
        let order = |int, double| order(Value::Int(int), Value::Double(double));
        assert_eq!(order(1, 1.0), Some(Ordering::Equal));
        assert_eq!(order(1, 1.5), Some(Ordering::Less));
        assert_eq!(order(-1, -1.5), Some(Ordering::Greater));
        assert_eq!(order(i64::MAX, ABOVE_INTS), Some(Ordering::Less));
        assert_eq!(order(i64::MIN, -ABOVE_INTS), Some(Ordering::Equal));
        assert_eq!(order((1 << 53) + 1, 9007199254740992.0), Some(Ordering::Greater));
        assert_eq!(order(0, f64::NAN), None);
        assert_eq!(order(0, f64::INFINITY), Some(Ordering::Less));
        assert_eq!(order(0, f64::NEG_INFINITY), Some(Ordering::Greater));
    }

    #[test]
    fn a_json_number_is_an_int_where_it_is_written_as_one() {
        assert_eq!(of_json(b"12"), Some(Value::Int(12)));
        assert_eq!(of_json(b"-0"), Some(Value::Int(0)));
        assert_eq!(of_json(b"1.0"), Some(Value::Double(1.0)));
        assert_eq!(of_json(b"1e2"), Some(Value::Double(100.0)));
        assert_eq!(of_json(b"9223372036854775808"), Some(Value::Double(ABOVE_INTS)));
        assert_eq!(of_json(b"1e999"), None);
    }

    #[test]
    fn ints_do_not_wrap() {
        assert_eq!(ints(Binary::Add, i64::MAX, 1), Err(Reject::BadValue));
        assert_eq!(ints(Binary::Divide, i64::MIN, -1), Err(Reject::BadValue));
        assert_eq!(ints(Binary::Remainder, 1, 0), Err(Reject::BadValue));
        assert_eq!(ints(Binary::Remainder, -43, 10), Ok(-3));
        assert_eq!(int_of_double(-1.9), Ok(-1));
        assert_eq!(int_of_double(f64::NAN), Err(Reject::BadValue));
    }
}
