//! How far it is from one place to another, and how fast somebody would have had to travel.

/// The earth's mean radius in kilometers.
const RADIUS: f64 = 6371.0;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A place, in millionths of a degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Place {
    latitude: i32,
    longitude: i32,
}

impl Place {
    /// None where these are no degrees.
    pub(crate) fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let millionths = |degrees: f64, most: f64| (degrees.abs() <= most).then_some((degrees * 1e6) as i32);
        Some(Self { latitude: millionths(latitude, 90.0)?, longitude: millionths(longitude, 180.0)? })
    }

    #[cfg(feature = "snapshot")]
    pub(super) const fn is_sound(self) -> bool {
        self.latitude.unsigned_abs() <= 90_000_000 && self.longitude.unsigned_abs() <= 180_000_000
    }

    /// The degree in which it lies, for what is said of places.
    pub(super) fn cell(self) -> String {
        let degree = |millionths: i32| millionths.div_euclid(1_000_000);
        format!("{},{}", degree(self.latitude), degree(self.longitude))
    }

    /// In whole kilometers, on a sphere.
    #[allow(clippy::cast_sign_loss, reason = "a distance is at least nought")]
    pub(super) fn distance(self, other: Self) -> u32 {
        // `libm` computes the same bits on every machine.
        let radians = |millionths: i32| f64::from(millionths) * (core::f64::consts::PI / 180e6);
        let half = |one: i32, other: i32| libm::sin((radians(one) - radians(other)) / 2.0);
        let (north, east) = (half(self.latitude, other.latitude), half(self.longitude, other.longitude));
        let narrowing = libm::cos(radians(self.latitude)) * libm::cos(radians(other.latitude));
        let chord = north * north + narrowing * east * east;
        (2.0 * RADIUS * libm::asin(libm::sqrt(chord.min(1.0)))) as u32
    }
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let hundredths = |millionths: i32| {
            let sign = if millionths < 0 { "-" } else { "" };
            let hundredths = millionths.unsigned_abs() / 10_000;
            format!("{sign}{}.{:02}", hundredths / 100, hundredths % 100)
        };
        write!(f, "{}, {}", hundredths(self.latitude), hundredths(self.longitude))
    }
}

/// In kilometers an hour, for so many milliseconds, a minute at least.
pub(super) fn speed(kilometers: u32, millis: i64) -> u32 {
    let millis = millis.saturating_abs().max(MINUTE);
    u32::try_from(i64::from(kilometers) * HOUR / millis).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_distances_as_maps_do() {
        let place = |latitude, longitude| Place::new(latitude, longitude).unwrap();
        let (berlin, tokyo, sydney) =
            (place(52.52, 13.405), place(35.6895, 139.6917), place(-33.8688, 151.2093));
        for (one, other, kilometers) in
            [(berlin, tokyo, 8918), (berlin, sydney, 16_094), (tokyo, sydney, 7825)]
        {
            let told = one.distance(other);
            assert!(told.abs_diff(kilometers) < 10, "{one} to {other}: {told}");
            assert_eq!(other.distance(one), told);
        }
        assert_eq!(berlin.distance(berlin), 0);
        assert_eq!(place(0.0, 179.9).distance(place(0.0, -179.9)), 22);
        assert_eq!(place(90.0, 0.0).distance(place(-90.0, 0.0)), 20_015);
        assert_eq!(
            (berlin.cell(), sydney.cell(), sydney.to_string()),
            ("52,13".into(), "-34,151".into(), "-33.86, 151.20".into())
        );
        for (latitude, longitude) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0)] {
            assert_eq!(Place::new(latitude, longitude), None);
        }
    }

    #[test]
    fn tells_speeds() {
        assert_eq!((speed(900, HOUR), speed(900, -HOUR), speed(10, 0)), (900, 900, 600));
    }
}
