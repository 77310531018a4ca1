//! Which HTML a template may have. Elements, attributes and styles are accepted by name, so that
//! nothing runs, nothing is sent, and nothing is loaded but the app's own images. The words are read
//! by the tokenizer of the HTML standard; a page that it finds a fault in is refused, since mail
//! programs would read that page in different ways.

use html5gum::{DefaultEmitter, HtmlString, StartTag, Token, Tokenizer};

use super::{Placeholder, check::Rules, placeholders};
use crate::base::Error;

/// The field of refusals.
const FIELD: &str = "html";
/// The longest name that a refusal repeats.
const MAX_NAMED: usize = 20;

/// The elements that stand inside a line, so that the words around them are one.
const INLINE: [&str; 15] = [
    "a", "b", "code", "em", "font", "i", "img", "s", "small", "span", "strong", "sub", "sup", "u",
    "wbr",
];
/// All others.
const BLOCKS: [&str; 32] = [
    "blockquote",
    "body",
    "br",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "hr",
    "html",
    "li",
    "meta",
    "ol",
    "p",
    "pre",
    "style",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
];
/// The attributes of every element.
const ATTRIBUTES: [&str; 24] = [
    "align",
    "aria-hidden",
    "aria-label",
    "bgcolor",
    "border",
    "bordercolor",
    "cellpadding",
    "cellspacing",
    "class",
    "color",
    "colspan",
    "dir",
    "face",
    "height",
    "id",
    "lang",
    "nowrap",
    "role",
    "rowspan",
    "size",
    "style",
    "valign",
    "width",
    "xmlns",
];
/// The attributes of one element.
const OWN_ATTRIBUTES: [(&str, &str); 8] = [
    ("a", "href"),
    ("a", "rel"),
    ("a", "target"),
    ("img", "alt"),
    ("img", "src"),
    ("meta", "charset"),
    ("meta", "content"),
    ("meta", "name"),
];
/// The parts of styles that load something or run. A backslash could hide one of them.
const NOT_IN_STYLES: [&str; 10] = [
    "url(",
    "image(",
    "image-set(",
    "src(",
    "@import",
    "@font-face",
    "expression(",
    "behavior",
    "-moz-binding",
    "\\",
];

/// An element whose content is no HTML.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Raw {
    Style,
    Title,
}

/// Checks the HTML of a template.
///
/// # Errors
/// [`Error::InvalidRequest`] for the field `html`.
pub(super) fn check(html: &str, rules: &Rules) -> Result<(), Error> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut reader = Reader {
        rules,
        words: String::new(),
        title: String::new(),
        styles: 0,
        urls: 0,
        found: Vec::new(),
        raw: None,
    };

    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        reader.read(token)?;
    }
    reader.finish(html)
}

/// The parts of a page that were read so far.
struct Reader<'a> {
    rules: &'a Rules,
    /// The words that people read.
    words: String,
    title: String,
    /// How many braces styles have.
    styles: usize,
    /// How many braces the addresses of links have.
    urls: usize,
    /// The placeholders in the addresses of links.
    found: Vec<Placeholder>,
    /// The element that is open, if its content is no HTML.
    raw: Option<Raw>,
}

impl Reader<'_> {
    fn read(&mut self, token: Token) -> Result<(), Error> {
        match token {
            Token::StartTag(tag) => self.start(&tag),
            Token::EndTag(tag) => {
                self.raw = None;
                self.separate(text(&tag.name));
                Ok(())
            }
            Token::String(string) => self.string(text(&string.value)),
            Token::Doctype(_) => Ok(()),
            Token::Comment(_) => refuse(
                "has a comment; leave comments out, since some mail programs read them as HTML",
            ),
            Token::Error(error) => {
                let what = error.value;
                refuse(format!("is not well-formed ({what}): close tags and quotes"))
            }
        }
    }

    fn start(&mut self, tag: &StartTag<()>) -> Result<(), Error> {
        let name = text(&tag.name);
        if !INLINE.contains(&name) && !BLOCKS.contains(&name) {
            return refuse(format!(
                "has {}, which is not accepted: an e-mail has text, tables, links and images, \
                 without scripts, forms and what is loaded from elsewhere",
                shown("the element", name)
            ));
        }

        for (attribute, value) in &tag.attributes {
            self.attribute(name, text(attribute), text(value))?;
        }
        self.separate(name);
        self.raw = match name {
            "style" => Some(Raw::Style),
            "title" => Some(Raw::Title),
            _ => None,
        };
        Ok(())
    }

    fn attribute(&mut self, element: &str, name: &str, value: &str) -> Result<(), Error> {
        if !ATTRIBUTES.contains(&name) && !OWN_ATTRIBUTES.contains(&(element, name)) {
            return refuse(format!("has {}, which is not accepted", shown("the attribute", name)));
        }
        match name {
            "href" => self.link(value),
            "src" if self.rules.origins.may_show(value) => Ok(()),
            "src" => refuse(
                "has an image that is not below the origin of the app's logo, or whose address has \
                 a placeholder",
            ),
            "style" => check_style(value),
            "alt" | "aria-label" => self.rules.check_words(FIELD, value),
            _ => Ok(()),
        }
    }

    /// The address of a link: the placeholder alone, or a page of the app.
    fn link(&mut self, url: &str) -> Result<(), Error> {
        let found = placeholders::read(FIELD, url, self.rules.accepted)?;
        let is_own = self.rules.origins.may_link(url)
            && found.iter().all(|placeholder| *placeholder == Placeholder::Code);
        if !is_own && url != Placeholder::Link.to_string() {
            return refuse(
                "has a link that is neither {link} nor a page below the app's origins, \
                 redirect_uris and links; the only placeholder in such a page's address is {code}",
            );
        }

        self.urls += braces(url);
        // A code in an address is not one that people can type.
        self.found.extend(found.into_iter().filter(|it| *it == Placeholder::Link));
        Ok(())
    }

    fn string(&mut self, string: &str) -> Result<(), Error> {
        match self.raw {
            Some(Raw::Style) => {
                self.styles += braces(string);
                check_style(string)
            }
            Some(Raw::Title) => {
                self.title.push_str(string);
                Ok(())
            }
            None => {
                self.words.push_str(string);
                Ok(())
            }
        }
    }

    /// Words on both sides of an element are one only if it is inside a line.
    fn separate(&mut self, element: &str) {
        if !INLINE.contains(&element) {
            self.words.push(' ');
        }
    }

    fn finish(mut self, html: &str) -> Result<(), Error> {
        if self.raw.is_some() {
            return refuse("is not well-formed: close <style> and <title>");
        }
        for text in [&self.words, &self.title] {
            self.rules.check_words(FIELD, text)?;
        }

        placeholders::read(FIELD, &self.title, self.rules.accepted)?;
        let found = placeholders::read(FIELD, &self.words, self.rules.accepted)?;
        self.found.extend(found);
        // One that is written as a character reference, or that stands anywhere else, is not seen
        // here, or not filled in.
        let seen = braces(&self.words) + braces(&self.title) + self.styles + self.urls;
        if braces(html) != seen {
            return refuse(
                "has a brace in an attribute, a tag or a character reference; placeholders stand \
                 in the text and in the address of a link",
            );
        }
        self.rules.check_required(FIELD, &self.found)
    }
}

/// Checks a style sheet or a `style` attribute.
fn check_style(css: &str) -> Result<(), Error> {
    let lower = css.to_ascii_lowercase();
    if let Some(what) = NOT_IN_STYLES.iter().find(|it| lower.contains(**it)) {
        return refuse(format!(
            "has {what} in a style, which is not accepted: styles load nothing"
        ));
    }
    if placeholders::has_any(css) {
        return refuse("has a placeholder in a style");
    }
    Ok(())
}

fn braces(text: &str) -> usize {
    text.bytes().filter(|byte| matches!(byte, b'{' | b'}')).count()
}

/// The text of a token. The whole page was UTF-8, and the tokenizer cuts it at ASCII characters.
fn text(bytes: &HtmlString) -> &str {
    str::from_utf8(bytes).unwrap_or("\u{fffd}")
}

/// An element or an attribute, with its name if that is an ordinary one.
fn shown(what: &str, name: &str) -> String {
    let is_ordinary = name.len() <= MAX_NAMED
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-:".contains(&byte));
    if is_ordinary { format!("{what} {name}") } else { format!("{what} with a strange name") }
}

fn refuse(why: impl Into<String>) -> Result<(), Error> {
    Err(Error::field(FIELD, why))
}
