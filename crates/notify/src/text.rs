//! The texts. HTML is written for mail programs: one table, inline styles, no pictures, no links to anybody.

/// A composed mail.
#[derive(Clone, Debug)]
pub struct Composed {
    /// Subject.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A one-time code for `application`. The code stands in the subject, so that it is read in a notification.
#[must_use]
pub fn code_mail(application: &str, code: &str) -> Composed {
    let one_line = one_line(application);
    let name = escape(&one_line);
    Composed {
        subject: format!("{code} is your verification code"),
        text: format!(
            "Your verification code for {one_line}:\n\n{code}\n\nIt is valid for 10 minutes and can be used once. Nobody from {one_line} will ask you for it.\nIf you did not ask for a code, you can ignore this mail.\n"
        ),
        html: page(
            &name,
            &format!(
                "<p style=\"margin:0 0 16px\">Your verification code:</p>\
             <p style=\"margin:0 0 16px;font:600 32px/1.2 ui-monospace,Menlo,Consolas,monospace;letter-spacing:6px\">{code}</p>\
             <p style=\"margin:0;color:#6b6b66;font-size:14px\">It is valid for 10 minutes and can be used once. Nobody from {name} will ask you for it. If you did not ask for a code, you can ignore this mail.</p>"
            ),
        ),
    }
}

/// An invitation to `application`: the link, and how many days it can be followed.
#[must_use]
pub fn invitation_mail(application: &str, link: &str, days: i64) -> Composed {
    let one_line = one_line(application);
    let (name, href) = (escape(&one_line), escape(link));
    let valid = match days {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    Composed {
        subject: format!("Your invitation to {one_line}"),
        text: format!(
            "You have been invited to {one_line}. Follow this link to accept:\n\n{link}\n\nIt is valid for {valid} and is yours alone: whoever has it can sign up as you.\nIf you did not expect an invitation, you can ignore this mail.\n"
        ),
        html: page(
            &name,
            &format!(
                "<p style=\"margin:0 0 24px\">You have been invited to {name}.</p>\
             <p style=\"margin:0 0 24px\"><a href=\"{href}\" style=\"display:inline-block;padding:10px 20px;background:#1d1d1b;color:#ffffff;border-radius:8px;text-decoration:none;font-weight:600\">Accept the invitation</a></p>\
             <p style=\"margin:0;color:#6b6b66;font-size:14px\">The link is valid for {valid} and is yours alone: whoever has it can sign up as you. If you did not expect an invitation, you can ignore this mail.</p>"
            ),
        ),
    }
}

/// The confirmation of a place on the waitlist of `application`.
#[must_use]
pub fn waitlist_mail(application: &str) -> Composed {
    let one_line = one_line(application);
    let name = escape(&one_line);
    Composed {
        subject: format!("You are on the waitlist of {one_line}"),
        text: format!(
            "You are on the waitlist of {one_line}. You will get a mail when it is your turn.\nIf you did not ask for this, you can ignore this mail.\n"
        ),
        html: page(
            &name,
            &format!(
                "<p style=\"margin:0 0 24px\">You are on the waitlist of {name}. You will get a mail when it is your turn.</p>\
             <p style=\"margin:0;color:#6b6b66;font-size:14px\">If you did not ask for this, you can ignore this mail.</p>"
            ),
        ),
    }
}

/// A name without line breaks: it stands in a subject.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// What stands around the paragraphs of every mail. `name` is escaped already.
fn page(name: &str, paragraphs: &str) -> String {
    format!(
        "<!doctype html><html><body style=\"margin:0;background:#f6f6f4;color:#1d1d1b;font:16px/1.5 -apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif\">\
         <table role=\"presentation\" width=\"100%\" cellspacing=\"0\" cellpadding=\"0\"><tr><td align=\"center\" style=\"padding:40px 16px\">\
         <table role=\"presentation\" width=\"100%\" style=\"max-width:440px;background:#ffffff;border:1px solid #e3e3df;border-radius:12px\" cellspacing=\"0\" cellpadding=\"0\">\
         <tr><td style=\"padding:32px\"><p style=\"margin:0 0 16px;font-weight:600\">{name}</p>{paragraphs}\
         </td></tr></table></td></tr></table></body></html>"
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_cannot_break_out_of_the_mail() {
        let mail = super::code_mail("<b>A\r\nBcc: x</b>", "123456");
        assert!(
            !mail.html.contains("<b>")
                && !mail.text.contains('\r')
                && mail.subject.contains("123456")
        );
    }
}
