//! The few words that are the mail's own, in the user's language, and how that language runs.

/// Bytes of a locale.
const MOST: usize = 35;

/// What the button says, and what the foot says, in a language; English where there is no other.
pub(super) fn words(locale: &str) -> (&'static str, &'static str) {
    let (language, rest) = split(locale);
    match language.as_str() {
        "zh" if rest.iter().any(|tag| matches!(tag.as_str(), "hant" | "tw" | "hk" | "mo")) => {
            ("查看", "取消訂閱")
        }
        "zh" => ("查看", "退订"),
        "ja" => ("開く", "配信停止"),
        "ko" => ("열기", "수신 거부"),
        "de" => ("Öffnen", "Abmelden"),
        "fr" => ("Ouvrir", "Se désabonner"),
        "es" => ("Abrir", "Cancelar la suscripción"),
        "pt" => ("Abrir", "Cancelar a subscrição"),
        "it" => ("Apri", "Annulla l’iscrizione"),
        "nl" => ("Openen", "Afmelden"),
        "pl" => ("Otwórz", "Wypisz się"),
        "ru" => ("Открыть", "Отписаться"),
        "uk" => ("Відкрити", "Відписатися"),
        "tr" => ("Aç", "Abonelikten çık"),
        "vi" => ("Mở", "Hủy đăng ký"),
        "id" => ("Buka", "Berhenti berlangganan"),
        "th" => ("เปิด", "ยกเลิกการรับข่าวสาร"),
        "hi" => ("खोलें", "सदस्यता छोड़ें"),
        "ar" => ("فتح", "إلغاء الاشتراك"),
        "he" | "iw" => ("פתיחה", "הסרה מרשימת התפוצה"),
        "fa" => ("باز کردن", "لغو اشتراک"),
        "ur" => ("کھولیں", "رکنیت ختم کریں"),
        _ => ("Open", "Unsubscribe"),
    }
}

/// Whether a language runs from right to left.
pub(super) fn right_to_left(locale: &str) -> bool {
    let (language, rest) = split(locale);
    if let Some(script) = rest.iter().find(|tag| tag.len() == 4) {
        return matches!(script.as_str(), "arab" | "hebr" | "syrc" | "thaa" | "nkoo");
    }
    matches!(
        language.as_str(),
        "ar" | "he" | "iw" | "fa" | "ur" | "ps" | "sd" | "ug" | "ckb" | "yi" | "dv"
    )
}

/// The locale as HTML may have it: nothing if it is no tag.
pub(super) fn tag(locale: &str) -> Option<String> {
    let tag = locale.replace('_', "-");
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    (tag.len() <= MOST && tag.split('-').all(part)).then_some(tag)
}

/// The language, and what follows it, in small letters.
fn split(locale: &str) -> (String, Vec<String>) {
    let tag = tag(locale).unwrap_or_default().to_ascii_lowercase();
    let mut parts = tag.split('-').map(str::to_owned);
    (parts.next().unwrap_or_default(), parts.collect())
}
