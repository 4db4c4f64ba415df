//! The HTML part: a card with title, text and a button, for small screens and dark ones. Nothing is
//! fetched for it but the picture that shows that it was opened. Everything that a tenant or a user
//! wrote is escaped.

use super::words;

/// What the HTML part says.
pub(super) struct Page<'a> {
    pub(super) locale: &'a str,
    pub(super) title: &'a str,
    pub(super) body: &'a str,
    /// Where the button leads: a link that was checked, as the other two.
    pub(super) link: Option<&'a str>,
    pub(super) leave: Option<&'a str>,
    pub(super) pixel: Option<&'a str>,
}

const STYLE: &str = "\
:root{color-scheme:light dark}
@media (prefers-color-scheme:dark){
.page{background:#14161a!important}
.card{background:#20242b!important;color:#e6e8eb!important}
.title{color:#ffffff!important}
.button{background:#5b8def!important;color:#0b0d10!important}
.foot,.foot a{color:#9aa1ab!important}
}
@media (max-width:480px){.card{padding:24px 20px!important;border-radius:0!important}}";

const FONT: &str = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue',\
                    'PingFang SC','Microsoft YaHei','Noto Sans',Arial,sans-serif;";

/// Writes the HTML part.
pub(super) fn write(page: &Page<'_>) -> String {
    let (open, leave) = words::words(page.locale);
    let lang = words::tag(page.locale).map(|tag| format!(" lang=\"{tag}\"")).unwrap_or_default();
    let dir = if words::right_to_left(page.locale) { "rtl" } else { "ltr" };
    let title = escape(page.title);
    let mut card = String::new();
    if !title.is_empty() {
        card += &format!(
            "<h1 class=\"title\" dir=\"auto\" style=\"margin:0 0 16px;font-size:22px;\
             line-height:1.3;font-weight:600;color:#111418\">{title}</h1>\n"
        );
    }
    for paragraph in page.body.split("\n\n").map(str::trim).filter(|text| !text.is_empty()) {
        let text = escape(paragraph).replace('\n', "<br>\n");
        card += &format!("<p dir=\"auto\" style=\"margin:0 0 16px\">{text}</p>\n");
    }
    if let Some(link) = page.link.map(escape) {
        card += &format!(
            "<p style=\"margin:24px 0 8px\"><a class=\"button\" href=\"{link}\" \
             style=\"display:inline-block;padding:12px 28px;border-radius:8px;\
             background:#2457d6;color:#ffffff;font-weight:600;text-decoration:none\">{open}</a></p>\n"
        );
    }
    let foot = page.leave.map(escape).map(|link| {
        format!(
            "<tr><td class=\"foot\" align=\"center\" style=\"padding:20px 12px;{FONT}font-size:12px;\
             line-height:1.5;color:#6b7280\"><a href=\"{link}\" style=\"color:#6b7280\">{leave}</a>\
             </td></tr>\n"
        )
    });
    let pixel = page.pixel.map(escape).map(|link| {
        format!("<img src=\"{link}\" width=\"1\" height=\"1\" alt=\"\" style=\"border:0\">\n")
    });
    let (foot, pixel) = (foot.unwrap_or_default(), pixel.unwrap_or_default());
    format!(
        "<!doctype html>\n<html{lang} dir=\"{dir}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n\
         <body class=\"page\" style=\"margin:0;padding:0;background:#f2f4f7\">\n\
         <table role=\"presentation\" class=\"page\" width=\"100%\" cellpadding=\"0\" \
         cellspacing=\"0\" border=\"0\" style=\"background:#f2f4f7\">\n\
         <tr><td align=\"center\" style=\"padding:24px 0\">\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" \
         border=\"0\" style=\"max-width:560px\">\n\
         <tr><td class=\"card\" style=\"padding:32px;border-radius:12px;background:#ffffff;\
         color:#2b3038;{FONT}font-size:16px;line-height:1.6;word-break:break-word\">\n{card}\
         </td></tr>\n{foot}</table>\n</td></tr>\n</table>\n{pixel}</body>\n</html>\n"
    )
}

/// Text that is nothing but text, between tags and within quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
