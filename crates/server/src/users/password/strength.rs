//! How hard a password is to guess, as zxcvbn estimates it.
//!
//! Browsers estimate with a JavaScript sibling, whose dictionaries differ: the server's estimate decides, and only where the
//! operator sets `min_zxcvbn_strength`.
//! Reference: Wheeler, "zxcvbn: Low-Budget Password Strength Estimation" (USENIX Security 2016); contract fapi §4.
use serde_json::json;
use usher_types::ApiError;
use usher_types::error::codes as refuse;
pub(super) use zxcvbn::feedback::Suggestion;
use zxcvbn::matching::patterns::MatchPattern;

/// Characters that are looked at: the rest can only make it harder.
const LOOKED_AT: usize = 64;

/// The name that SDKs translate a suggestion by.
fn code(suggestion: Suggestion) -> &'static str {
    match suggestion {
        Suggestion::UseAFewWordsAvoidCommonPhrases => "useWords",
        Suggestion::NoNeedForSymbolsDigitsOrUppercaseLetters => "noNeed",
        Suggestion::AddAnotherWordOrTwo => "anotherWord",
        Suggestion::CapitalizationDoesntHelpVeryMuch => "capitalization",
        Suggestion::AllUppercaseIsAlmostAsEasyToGuessAsAllLowercase => "allUppercase",
        Suggestion::ReversedWordsArentMuchHarderToGuess => "reverseWords",
        Suggestion::PredictableSubstitutionsDontHelpVeryMuch => "l33t",
        Suggestion::UseALongerKeyboardPatternWithMoreTurns => "longerKeyboardPattern",
        Suggestion::AvoidRepeatedWordsAndCharacters => "repeated",
        Suggestion::AvoidSequences => "sequences",
        Suggestion::AvoidRecentYears => "recentYears",
        Suggestion::AvoidYearsThatAreAssociatedWithYou => "associatedYears",
        Suggestion::AvoidDatesAndYearsThatAreAssociatedWithYou => "dates",
    }
}

/// 422 `form_password_not_strong_enough` with its reason, and suggestions as the wire has them.
pub(super) fn refusal(reason: &str, suggestions: &[Suggestion]) -> ApiError {
    let suggestions: Vec<_> = suggestions
        .iter()
        .map(|s| json!({ "code": code(*s), "message": s.to_string() }))
        .collect();
    refuse::form_password_not_strong_enough(reason)
        .with("zxcvbn", json!({ "suggestions": suggestions }))
}

/// The refusal of a password whose score (0 to 4) is below `least`.
pub(super) fn weakness(password: &str, inputs: &[&str], least: u8) -> Option<ApiError> {
    let looked_at: String = password.chars().take(LOOKED_AT).collect();
    let estimate = zxcvbn::zxcvbn(&looked_at, inputs);
    if u8::from(estimate.score()) >= least {
        return None;
    }
    let suggestions = estimate.feedback().map_or(&[][..], |f| f.suggestions());
    let usual = [Suggestion::AddAnotherWordOrTwo];
    Some(refusal(
        "it can be guessed too quickly",
        if suggestions.is_empty() {
            &usual
        } else {
            suggestions
        },
    ))
}

/// The ranks of the dictionary words that make up the whole text as they are; `None` where it is made of anything else.
pub(super) fn ranks(text: &str) -> Option<Vec<usize>> {
    let estimate = zxcvbn::zxcvbn(text, &[]);
    let rank = |pattern: &MatchPattern| match pattern {
        MatchPattern::Dictionary(word) if !word.reversed && !word.l33t => Some(word.rank),
        _ => None,
    };
    estimate
        .sequence()
        .iter()
        .map(|found| rank(&found.pattern))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passwords_are_refused_with_suggestions_that_sdks_know() {
        let refused = weakness("password99x", &[], 3).unwrap();
        assert_eq!(refused.code, "form_password_not_strong_enough");
        let suggestions = refused.meta["zxcvbn"]["suggestions"].as_array().unwrap();
        assert!(
            suggestions.iter().any(|s| s["code"] == "anotherWord"),
            "{suggestions:?}"
        );
        assert!(
            suggestions
                .iter()
                .all(|s| s["message"].as_str().is_some_and(|m| !m.is_empty()))
        );
        assert!(weakness("correct horse 9 battery", &[], 4).is_none());
        assert!(weakness("analytical engine 1843", &["analytical engine 1843"], 4).is_some());
    }

    #[test]
    fn a_text_is_taken_apart_into_words() {
        assert_eq!(ranks("password"), Some(vec![2]));
        assert_eq!(ranks("drowssap"), None);
        assert_eq!(ranks("gkzrwvbtnqhx"), None);
        assert_eq!(ranks("dragonmonkey").map(|r| r.len()), Some(2));
    }
}
