//! Secrets at rest: sealed with the operator's key (AES-256-GCM), each for the one place it is kept at, so
//! that a sealed text that is moved elsewhere is worth nothing. Reads the key file and touches nothing else.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};

use super::Error;

/// What a sealed text begins with.
const MARK: &str = "sealed:1:";

/// Bytes of a key.
const KEY: usize = 32;

/// The operator's keys: the first seals, all open.
pub(super) struct Sealer(Vec<(String, LessSafeKey)>);

impl Sealer {
    /// The keys in a file, a line each; none if no file is named.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has no keys.
    pub(super) fn open(file: &Path) -> Result<Sealer, Error> {
        if file.as_os_str().is_empty() {
            return Ok(Sealer(Vec::new()));
        }
        let shown = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| Error::invalid(format!("secrets.key_file {shown}: {error}")))?;
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let keys: Vec<_> = lines.map(key).collect::<Option<_>>().unwrap_or_default();
        if keys.is_empty() {
            return Err(Error::invalid(format!(
                "secrets.key_file {shown}: a key is a line of 32 bytes in base64; `nudge secrets new` makes one"
            )));
        }
        Ok(Sealer(keys))
    }

    /// A new key, as a line of a key file.
    ///
    /// # Errors
    ///
    /// If the system has no randomness.
    pub(super) fn new_key() -> Result<String, Error> {
        let mut bytes = [0; KEY];
        random(&mut bytes)?;
        Ok(STANDARD.encode(bytes))
    }

    /// Seals a text for a place.
    pub(super) fn seal(&self, place: &str, text: &str) -> Result<String, Error> {
        let (name, key) = self.0.first().ok_or_else(|| {
            Error::Conflict(
                "the service has no key to keep secrets with: its operator sets secrets.key_file"
                    .to_owned(),
            )
        })?;
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce)?;
        let mut sealed = text.as_bytes().to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.as_bytes()),
            &mut sealed,
        )
        .map_err(|_| Error::Unavailable("a secret could not be sealed".to_owned()))?;
        let bytes: Vec<u8> = nonce.into_iter().chain(sealed).collect();
        Ok(format!("{MARK}{name}:{}", STANDARD.encode(bytes)))
    }

    /// Opens what was sealed for a place.
    pub(super) fn open_text(&self, place: &str, sealed: &str) -> Result<String, Error> {
        let wrong = |why: &str| Error::Unavailable(format!("a secret cannot be read: {why}"));
        let rest = sealed.strip_prefix(MARK).ok_or_else(|| wrong("it is not sealed"))?;
        let (name, text) = rest.split_once(':').ok_or_else(|| wrong("it is cut off"))?;
        let key = self.0.iter().find(|(own, _)| own == name);
        let (_, key) = key.ok_or_else(|| wrong("its key is not in secrets.key_file"))?;
        let bytes = STANDARD.decode(text).map_err(|_| wrong("it is damaged"))?;
        let (nonce, sealed) =
            bytes.split_at_checked(NONCE_LEN).ok_or_else(|| wrong("it is cut off"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong("it is damaged"))?;
        let mut sealed = sealed.to_vec();
        let opened = key
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut sealed)
            .map_err(|_| wrong("it was altered, or belongs elsewhere"))?;
        String::from_utf8(opened.to_vec()).map_err(|_| wrong("it is no text"))
    }
}

/// A key with its name, which says nothing about it.
fn key(line: &str) -> Option<(String, LessSafeKey)> {
    let bytes: [u8; KEY] = STANDARD.decode(line).ok()?.try_into().ok()?;
    let name = Sha256::new().chain_update("nudge key name").chain_update(bytes).finalize();
    let name = name.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Some((name, LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?)))
}

fn random(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes)
        .map_err(|error| Error::Unavailable(format!("the system has no randomness: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(lines: &str) -> Result<Sealer, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines).unwrap();
        Sealer::open(file.path())
    }

    #[test]
    fn what_is_sealed_is_opened_in_its_place_only() {
        let one = sealer(&Sealer::new_key().unwrap()).unwrap();
        let sealed = one.seal("acme/sms/token", "s3cret").unwrap();
        assert!(!sealed.contains("s3cret"));
        assert_ne!(sealed, one.seal("acme/sms/token", "s3cret").unwrap(), "never the same twice");
        assert_eq!(one.open_text("acme/sms/token", &sealed).unwrap(), "s3cret");
        assert!(one.open_text("evil/sms/token", &sealed).is_err());
        let other = sealer(&Sealer::new_key().unwrap()).unwrap();
        assert!(other.open_text("acme/sms/token", &sealed).is_err());
    }

    #[test]
    fn an_altered_secret_is_none() {
        let one = sealer(&Sealer::new_key().unwrap()).unwrap();
        let sealed = one.seal("place", "text").unwrap();
        for at in 0..sealed.len() {
            let mut altered = sealed.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_ne!(one.open_text("place", &altered).ok().as_deref(), Some("text"), "{altered}");
        }
        assert!(one.open_text("place", "text").is_err());
    }

    #[test]
    fn keys_change_and_the_old_ones_still_open() {
        let (old, new) = (Sealer::new_key().unwrap(), Sealer::new_key().unwrap());
        let sealed = sealer(&old).unwrap().seal("place", "text").unwrap();
        let both = sealer(&format!("# the keys\n{new}\n\n{old}\n")).unwrap();
        assert_eq!(both.open_text("place", &sealed).unwrap(), "text");
        let again = both.seal("place", "text").unwrap();
        assert_eq!(sealer(&new).unwrap().open_text("place", &again).unwrap(), "text");
    }

    #[test]
    fn without_a_key_nothing_is_sealed_and_a_wrong_file_is_refused() {
        let none = Sealer::open(Path::new("")).unwrap();
        assert!(none.seal("place", "text").unwrap_err().to_string().contains("key_file"));
        for wrong in ["", "# nothing\n", "short", "bm90IHRoaXJ0eS10d28gYnl0ZXM="] {
            assert!(sealer(wrong).is_err(), "{wrong:?}");
        }
        assert!(Sealer::open(Path::new("/no/such/file")).is_err());
    }
}
