//! What the counts depend on besides the code: the instruction set that the programs' run-time
//! choices (UTF-8, memory copies, digests) see.

/// The architecture and its features, as the process sees them: under valgrind fewer than there
/// are.
pub fn machine() -> String {
    let mut words = vec![std::env::consts::ARCH];
    words.extend(features());
    words.join(" ")
}

macro_rules! detected {
    ($detect:ident: $($feature:tt)*) => {
        [$(std::arch::$detect!($feature).then_some($feature),)*]
    };
}

#[cfg(target_arch = "x86_64")]
fn features() -> impl Iterator<Item = &'static str> {
    let found = detected!(is_x86_feature_detected:
        "sse4.2" "popcnt" "lzcnt" "bmi1" "bmi2" "avx" "avx2" "fma" "avx512f" "avx512bw" "aes"
        "pclmulqdq" "sha");
    found.into_iter().flatten()
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> impl Iterator<Item = &'static str> {
    std::iter::empty()
}
