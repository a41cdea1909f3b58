//! Chooses, while the program runs, the widest vectors that this processor has.
//!
//! One shipped binary must be fast on every machine, so a kernel's body is compiled once for each level and the level
//! is asked of the processor, not of the compiler. The bodies use plain `a * b + c`, which the compiler never fuses,
//! so all levels give the same bits.

use std::sync::OnceLock;

/// The vector instructions that a kernel may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// 512-bit vectors with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What every processor of this family has.
    Portable,
}

/// The level of this processor, asked once.
pub(crate) fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(detect)
}

fn detect() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        let narrow = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let wide = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        if narrow && wide {
            return Level::Avx512;
        }
        if narrow {
            return Level::Avx2;
        }
    }
    Level::Portable
}

/// Compiles a function once for each [`Level`] and calls the one that this processor can run.
macro_rules! vectorised {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        $visibility fn $name($($argument: $kind),*) $(-> $result)? {
            #[inline(always)]
            fn body($($argument: $kind),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                fn wide($($argument: $kind),*) $(-> $result)? { body($($argument),*) }
                #[target_feature(enable = "avx2,fma")]
                fn narrow($($argument: $kind),*) $(-> $result)? { body($($argument),*) }
                match crate::dispatch::level() {
                    // SAFETY: the level says that this processor has the features that `wide` enables.
                    crate::dispatch::Level::Avx512 => return unsafe { wide($($argument),*) },
                    // SAFETY: the level says that this processor has the features that `narrow` enables.
                    crate::dispatch::Level::Avx2 => return unsafe { narrow($($argument),*) },
                    crate::dispatch::Level::Portable => {}
                }
            }
            body($($argument),*)
        }
    };
}
pub(crate) use vectorised;
