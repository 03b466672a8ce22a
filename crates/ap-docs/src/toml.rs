//! ap.toml(5) from the commented example.

/// The page.
pub fn page(example: &str) -> String {
    let mut page = format!(
        ".\\\" Written from ap.toml.example; change that.\n.TH ap.toml 5 \"\" \"ap {}\"\n.SH NAME\n\
         ap.toml \\- configuration of an active\\-standby pair\n.SH SYNOPSIS\n/etc/ap/ap.toml\n.SH DESCRIPTION\n",
        env!("CARGO_PKG_VERSION")
    );
    let mut text = Vec::new();
    let mut last_was_key = false;
    for line in example.lines() {
        let line = line.trim_end();
        if let Some(table) = line.strip_prefix('[') {
            let name = table.trim_matches(['[', ']']);
            let brackets = if line.starts_with("[[") { format!("[[{name}]]") } else { format!("[{name}]") };
            // The second host says nothing new.
            if !page.contains(&format!(".SH \"{}\"", escape(&brackets))) {
                page.push_str(&format!(".SH \"{}\"\n", escape(&brackets)));
            }
            flush(&mut page, &mut text, last_was_key);
            last_was_key = false;
        } else if let Some((key, value, default)) = key(line) {
            let title = format!(".TP\n.B {}\n", escape(key));
            if page.contains(&title) && !default {
                text.clear();
                continue;
            }
            page.push_str(&title);
            let said = !text.is_empty();
            flush_plain(&mut page, &mut text);
            let word = if default { "Default" } else { "For instance" };
            if said {
                page.push_str(".br\n");
            }
            page.push_str(&format!("{word}: {}\n", escape(value)));
            last_was_key = true;
        } else if let Some(comment) = line.strip_prefix('#') {
            text.push(comment.trim_start().to_owned());
        } else {
            flush(&mut page, &mut text, last_was_key);
            last_was_key = false;
        }
    }
    flush(&mut page, &mut text, false);
    page.push_str(
        ".SH FILES\n.TP\n.I /etc/ap/ap.toml.example\nThis page as a file to begin with.\n\
         .TP\n.I /etc/ap/credentials.toml\nThe accounts in MariaDB, mode 0600.\n\
         .SH SEE ALSO\n.BR ap\\-mode (1),\n.BR ap\\-notify (1),\n.BR keepalived.conf (5)\n",
    );
    page
}

/// `#key = value` is a default, `key = value` an example.
fn key(line: &str) -> Option<(&str, &str, bool)> {
    let default = line.starts_with('#');
    let (key, value) = line.trim_start_matches('#').split_once(" = ")?;
    let plain = !key.is_empty() && key.bytes().all(|c| c.is_ascii_lowercase() || c == b'-');
    plain.then_some((key, value, default))
}

fn flush(page: &mut String, text: &mut Vec<String>, after_key: bool) {
    if text.is_empty() {
        return;
    }
    page.push_str(if after_key { ".PP\n" } else { ".P\n" });
    flush_plain(page, text);
}

fn flush_plain(page: &mut String, text: &mut Vec<String>) {
    for line in text.drain(..) {
        page.push_str(&escape(&line));
        page.push('\n');
    }
}

/// A line that roff takes as it is.
fn escape(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_comments_and_tables_become_a_page() {
        let page = page("# About.\n\n[x]\n# What it is.\n#a-key = 3\n# Needed.\nb = \"c\"\n");
        for part in
            ["\nAbout.\n", ".SH \"[x]\"\n", ".B a\\-key\nWhat it is.\n.br\nDefault: 3\n", "For instance: \"c\"\n"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn every_key_of_the_example_is_in_the_page() {
        let example = include_str!("../../../ap.toml.example");
        let page = page(example);
        for line in example.lines() {
            // Only keys of the file itself: credentials are shown indented.
            if let Some((key, ..)) = key(line) {
                assert!(page.contains(&format!(".B {}\n", escape(key))), "{key}");
            }
        }
    }
}
