//! Reading a text reply, for programs and tests.

use thiserror::Error;

/// A reply in the text form, taken apart.
///
/// ```
/// use clusterer_mi::TextAnswer;
///
/// let answer = TextAnswer::parse("200 OK\nUp time:: 14 [sec]\n\n").unwrap();
/// assert!(answer.is_ok());
/// assert_eq!(answer.lines, ["Up time:: 14 [sec]"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextAnswer {
    /// 200 for success.
    pub code: u16,
    /// What stands after the code.
    pub reason: String,
    /// The lines of the answer, a tab of indent a level, without the empty one at the end.
    pub lines: Vec<String>,
}

impl TextAnswer {
    /// Takes a reply apart.
    ///
    /// # Errors
    /// When the first line has no code, or the reply was cut off.
    pub fn parse(text: &str) -> Result<Self, AnswerError> {
        let text = text.strip_suffix('\n').ok_or(AnswerError::CutOff)?;
        let mut lines = text.split('\n');
        let head = lines.next().unwrap_or_default();
        let (code, reason) = head.split_once(' ').ok_or_else(|| AnswerError::head(head))?;
        let digits = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        let code = code.parse().ok().filter(|_| digits).ok_or_else(|| AnswerError::head(head))?;
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        // Refusals by the transport are one line with nothing after it.
        if lines.pop().is_some_and(|last| !last.is_empty()) {
            return Err(AnswerError::CutOff);
        }
        Ok(Self { code, reason: reason.to_owned(), lines })
    }

    /// Whether the code says success.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

/// Why text is no reply.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It ends before its last line does.
    #[error("the reply was cut off: the other side stopped, or gave up on a slow reader")]
    CutOff,
    /// The first line is not a code and a reason.
    #[error("a reply begins with a code and a reason, this one with {line:?}")]
    Head {
        /// The first line, its first 80 characters.
        line: String,
    },
}

impl AnswerError {
    fn head(line: &str) -> Self {
        Self::Head { line: line.chars().take(80).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_and_answers() {
        let unknown = TextAnswer::parse("500 command 'x' not available\n").unwrap();
        assert_eq!((unknown.code, unknown.reason.as_str()), (500, "command 'x' not available"));
        assert!(!unknown.is_ok());
        let list = TextAnswer::parse("200 OK\nCluster:: 1\n\tServer:: 2\n\n").unwrap();
        assert_eq!(list.lines, ["Cluster:: 1", "\tServer:: 2"]);
        assert_eq!(TextAnswer::parse("200 OK\n\n").unwrap().lines, [""; 0]);
    }

    #[test]
    fn what_is_no_reply() {
        for cut in ["", "200 OK", "200 OK\nCluster:: 1\n", "200 OK\nCluster"] {
            assert_eq!(TextAnswer::parse(cut), Err(AnswerError::CutOff), "{cut:?}");
        }
        for other in ["OK\n", "2000 OK\n", "+20 OK\n", "\n\n"] {
            assert!(matches!(TextAnswer::parse(other), Err(AnswerError::Head { .. })), "{other:?}");
        }
    }
}
