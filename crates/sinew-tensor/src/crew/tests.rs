use super::*;

#[test]
fn every_part_is_done_once_and_before_the_call_returns() {
    for threads in [1, 2, 3, 5] {
        let crew = Crew::new(threads);
        for parts in [0, 1, 2, 7, 100] {
            let done: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
            crew.for_parts(parts, |part| {
                done[part].fetch_add(1, Ordering::Relaxed);
            });
            assert!(
                done.iter().all(|count| count.load(Ordering::Relaxed) == 1),
                "{threads} threads, {parts} parts"
            );
        }
    }
}

#[test]
fn a_panic_of_a_part_reaches_the_caller_and_the_crew_goes_on() {
    let crew = Crew::new(3);
    let outcome = catch_unwind(AssertUnwindSafe(|| crew.for_parts(8, |part| assert!(part != 5, "part 5"))));
    assert!(outcome.is_err());
    let done = AtomicUsize::new(0);
    crew.for_parts(8, |_| {
        done.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(done.into_inner(), 8);
}
