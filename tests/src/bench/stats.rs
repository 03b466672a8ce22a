//! Medians and ranges.

/// The middle of some figures; of two middle ones the mean. 0 of none.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// The least.
pub fn least(figures: &[f64]) -> f64 {
    figures.iter().copied().min_by(f64::total_cmp).unwrap_or(0.0)
}

/// The greatest.
pub fn greatest(figures: &[f64]) -> f64 {
    figures.iter().copied().max_by(f64::total_cmp).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), 3.0);
        assert_eq!((least(&[2.0, 1.0]), greatest(&[2.0, 1.0])), (1.0, 2.0));
    }
}
