//! How the pages look, and the headers that go with them. The style sheet is the only thing that a browser may
//! load with a page, and it is known by its hash: nothing that gets into a page can add to it.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The style sheet.
pub(super) const STYLE: &str = "
:root{color-scheme:light dark;
--back:#f3f5f8;--card:#ffffff;--ink:#1a202c;--soft:#566072;--line:#dde2ea;--edge:#7a8497;
--accent:#2456c8;--press:#1c459f;--on-accent:#ffffff;--tint:#edf3ff;--good:#0a6640;--good-tint:#e5f5ec}
@media (prefers-color-scheme:dark){:root{
--back:#0e1117;--card:#171b24;--ink:#e8ebf1;--soft:#a5aebd;--line:#2a313e;--edge:#78839a;
--accent:#9dbcff;--press:#bdd2ff;--on-accent:#0b1833;--tint:#1c2740;--good:#86dcb3;--good-tint:#12291f}}
*,::before,::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100dvh;background:var(--card);color:var(--ink);
font:1.0625rem/1.6 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;overflow-wrap:anywhere}
:lang(zh-Hans){font-family:system-ui,-apple-system,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC','Noto Sans SC',sans-serif}
:lang(zh-Hant){font-family:system-ui,-apple-system,'PingFang TC','Microsoft JhengHei','Noto Sans CJK TC','Noto Sans TC',sans-serif}
main{width:100%;max-width:36rem;margin:0 auto;padding:2rem 1.25rem 3rem}
.sender{display:flex;align-items:center;gap:.75rem;margin:0 0 1.5rem;color:var(--soft);font-weight:500;line-height:1.35}
.mark{flex:none;display:grid;place-items:center;width:2.5rem;height:2.5rem;border-radius:50%;
background:var(--tint);color:var(--accent);font-size:1.125rem;font-weight:650}
h1{margin:0 0 .5rem;font-size:clamp(1.5rem,1.2rem + 1.6vw,1.875rem);line-height:1.25;font-weight:680;
letter-spacing:-.015em;text-wrap:balance}
:lang(zh) h1{letter-spacing:0;text-wrap:pretty}
h1+.note{margin-top:1.25rem}
h2,legend{display:block;width:100%;margin:0 0 .625rem;padding:0;font-size:1.0625rem;line-height:1.4;font-weight:620}
p{margin:0 0 1rem}
.lead{color:var(--soft);margin-bottom:1.75rem}
.text{white-space:pre-wrap;margin:1rem 0 2rem}
.note{margin:0 0 1.75rem;padding:.875rem 1rem;border-radius:.75rem;background:var(--tint)}
.good{background:var(--good-tint);color:var(--good);font-weight:560}
.good::before{content:'\\2713';content:'\\2713' / '';margin-inline-end:.625rem;font-weight:700}
fieldset,.topic{min-width:0;margin:0;padding:0 0 1.5rem;border:0}
.topic p{margin:0;color:var(--soft)}
.ways{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,10.25rem),1fr));gap:.625rem}
.way{display:flex;align-items:center;gap:.75rem;min-height:3.25rem;padding:.625rem .875rem;border:1px solid var(--line);
border-radius:.75rem;line-height:1.35;cursor:pointer;-webkit-tap-highlight-color:transparent}
.way:has(:checked){border-color:var(--accent);background:var(--tint)}
.way:has(:focus-visible){outline:3px solid var(--accent);outline-offset:2px}
.way input{flex:none;appearance:none;-webkit-appearance:none;display:grid;place-items:center;width:1.375rem;height:1.375rem;
margin:0;border:1.5px solid var(--edge);border-radius:.375rem;background:var(--card);cursor:inherit;outline:0}
.way input:checked{border-color:var(--accent);background:var(--accent)}
.way input:checked::after{content:'';width:.375rem;height:.6875rem;margin-top:-.1875rem;border:solid var(--on-accent);
border-width:0 2.5px 2.5px 0;transform:rotate(45deg)}
.about{margin:0 0 1.75rem;border:1px solid var(--line);border-radius:.75rem}
.about div{display:flex;gap:1rem;padding:.75rem 1rem}
.about div+div{border-top:1px solid var(--line)}
dt{flex:0 0 5.5rem;color:var(--soft)}
dd{margin:0;min-width:0;font-weight:560}
button,.button{display:flex;align-items:center;justify-content:center;width:100%;min-height:3.25rem;padding:.75rem 1.25rem;
border:1px solid transparent;border-radius:.75rem;background:var(--accent);color:var(--on-accent);font:inherit;font-weight:620;
line-height:1.3;text-align:center;text-decoration:none;cursor:pointer;-webkit-tap-highlight-color:transparent}
button:hover,button:active{background:var(--press)}
.second{margin-top:.75rem;border-color:var(--edge);background:transparent;color:var(--accent)}
.second:hover,.second:active{background:var(--tint)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.save{position:sticky;bottom:0;margin:.25rem -1.25rem 0;padding:.75rem 1.25rem max(.75rem,env(safe-area-inset-bottom));
background:var(--card)}
.rest{margin-top:2rem;padding-top:1.75rem;border-top:1px solid var(--line)}
.rest p{margin:0 0 .5rem;color:var(--soft)}
@media (min-width:40rem){body{background:var(--back);padding:3rem 1.25rem}
main{max-width:39rem;padding:2.5rem;border:1px solid var(--line);border-radius:1.25rem;background:var(--card);
box-shadow:0 1px 2px rgb(16 24 40 / .04),0 12px 32px -12px rgb(16 24 40 / .1)}
.save{position:static;margin:.25rem 0 0;padding:0}}
@media (forced-colors:active){.way input{appearance:auto;-webkit-appearance:auto}.way input::after{content:none}}
@media print{:root{--back:#ffffff;--card:#ffffff;--ink:#000000;--soft:#333333;--line:#999999;--edge:#333333;
--accent:#000000;--on-accent:#ffffff;--tint:#ffffff;--good:#000000;--good-tint:#ffffff}
body{padding:0;font-size:11pt}.note{padding:0}main{max-width:none;padding:0;border:0;box-shadow:none}
button,.button,.rest,.save{display:none}.way,.about,fieldset{break-inside:avoid}
.way input{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
";

static HEADERS: LazyLock<[(&str, String); 9]> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'"
    );
    [
        ("content-type", "text/html; charset=utf-8".to_owned()),
        ("content-security-policy", policy),
        // For browsers that do not know `frame-ancestors`.
        ("x-frame-options", "DENY".to_owned()),
        // The address of a page is the right to use it: it is not passed on, kept or listed.
        ("referrer-policy", "no-referrer".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("x-robots-tag", "noindex, nofollow".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("cross-origin-opener-policy", "same-origin".to_owned()),
        ("cross-origin-resource-policy", "same-origin".to_owned()),
    ]
});

/// The headers that go with every page, names in small letters.
#[must_use]
pub fn headers() -> &'static [(&'static str, String)] {
    HEADERS.as_slice()
}
