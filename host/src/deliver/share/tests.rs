use super::{Claim, share};

fn shared(free: usize, claims: &[(usize, usize)], start: usize) -> Vec<usize> {
    let claims: Vec<Claim> = claims.iter().map(|&(has, room)| Claim { has, room }).collect();
    share(free, &claims, start).each
}

#[test]
fn shares() {
    assert_eq!(shared(10, &[], 0), Vec::<usize>::new());
    assert_eq!(shared(0, &[(0, 5)], 0), [0]);
    assert_eq!(shared(9, &[(0, 9), (0, 9), (0, 9)], 0), [3, 3, 3]);
    assert_eq!(shared(10, &[(0, 9), (0, 9), (0, 9)], 0), [4, 3, 3]);
    assert_eq!(shared(10, &[(0, 9), (0, 9), (0, 9)], 1), [3, 4, 3]);
    assert_eq!(shared(11, &[(0, 9), (0, 9), (0, 9)], 2), [4, 3, 4]);
    assert_eq!(shared(11, &[(0, 9), (0, 9), (0, 9)], 3), [4, 4, 3]);
    // Who needs less leaves the rest to the others.
    assert_eq!(shared(10, &[(0, 1), (0, 99), (0, 99)], 0), [1, 5, 4]);
    // Who has more waits for the others.
    assert_eq!(shared(10, &[(20, 99), (0, 99), (5, 99)], 0), [0, 8, 2]);
    assert_eq!(shared(100, &[(0, 5), (7, 0), (3, 4)], 1), [5, 0, 4]);
    let max = usize::MAX;
    assert_eq!(shared(max, &[(0, max), (0, max)], 0), [max / 2 + 1, max / 2]);
    assert_eq!(shared(3, &[(max, max), (max - 1, max)], 0).iter().sum::<usize>(), 1);
}

#[test]
fn is_what_giving_one_by_one_would_be() {
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..5_000 {
        let n = random.usize(1..9);
        let claims: Vec<(usize, usize)> =
            (0..n).map(|_| (random.usize(0..12), random.usize(0..15))).collect();
        let (free, start) = (random.usize(0..80), random.usize(0..=n));
        // One by one to who has least; among equals from `start` on.
        let mut each = vec![0; n];
        for _ in 0..free {
            let open = (0..n).filter(|&i| each[i] < claims[i].1);
            let least = open.min_by_key(|&i| (claims[i].0 + each[i], (i + n - start) % n));
            if let Some(slot) = least {
                each[slot] += 1;
            }
        }
        assert_eq!(shared(free, &claims, start), each, "{free} {claims:?} {start}");
    }
}
