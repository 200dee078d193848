//! How much a statement may have in it that stands inside of something else.
//!
//! `a + b + c` is a sum in a sum, `x or y or z` an or in an or, and each union stands in the one after it. The parser, the
//! planner and the optimizer go down into them by calling themselves, so that a long enough one would overflow the stack of its
//! thread, and with it end the process for everybody.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Error, ErrorKind, Result, sqlstate};

/// Operators in a statement, for which [`STACK`] is enough; to plan as many takes some ten seconds.
const MOST: usize = 3_000;

/// Tokens that are read of a statement, those again that are read again: in brackets behind a word the parser first tries one
/// thing and then another, so what stands in n of them is read 2^n times. This many take half a second.
const MOST_READ: u64 = 1 << 18;
/// Words behind which a bracket is read once.
const ONCE: [Keyword; 6] = [Keyword::AS, Keyword::FROM, Keyword::IN, Keyword::JOIN, Keyword::OVER, Keyword::VALUES];

/// Bytes of stack that threads have on which statements are planned and run. What is not used of them takes no memory.
pub const STACK: usize = 128 << 20;

/// Refuses a text that has more operators than can be planned, or more calls in each other than can be read.
///
/// # Errors
/// [`ErrorKind::Query`], saying what there are too many of.
pub fn check(sql: &str) -> Result<()> {
    // What is no SQL is for the parser to say.
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize() else { return Ok(()) };
    let mut before = &Token::EOF;
    let mut count = 0_usize;
    let (mut brackets, mut tried_twice, mut read) = (Vec::new(), 0_u32, 0_u64);
    for token in tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))) {
        let is_sign = matches!((before, token), (Token::Comma | Token::LParen, Token::Minus | Token::Plus));
        count += usize::from(nests(token) && !is_sign);
        match token {
            Token::LParen => {
                let is_tried_twice = matches!(before, Token::Word(word) if !ONCE.contains(&word.keyword));
                tried_twice += u32::from(is_tried_twice);
                brackets.push(is_tried_twice);
            }
            Token::RParen => tried_twice -= u32::from(brackets.pop() == Some(true)),
            _ => {}
        }
        read = read.saturating_add(1_u64.checked_shl(tried_twice).unwrap_or(u64::MAX));
        before = token;
    }
    if read > MOST_READ {
        let error = Error::new(ErrorKind::Query, "the statement has too many calls in each other").state(sqlstate::TOO_COMPLEX);
        return Err(error.hint("name what is inside with a subquery or a with, and go on from there"));
    }
    if count <= MOST {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Query, format!("the statement has {count} operators, and may have {MOST}"));
    Err(error.state(sqlstate::TOO_COMPLEX).hint("compare with a list, as in id in ('a', 'b'), or join a table of the values"))
}

/// Whether it puts what stands before it into something greater. Lists, of whatever length, do not.
fn nests(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::JOIN
                | Keyword::IS
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::BETWEEN
                | Keyword::CASE
                | Keyword::COLLATE
                | Keyword::AT
        ),
        Token::Number(..) | Token::Placeholder(_) | Token::Comma | Token::Period | Token::SemiColon | Token::EOF => false,
        Token::LParen | Token::RParen | Token::RBracket | Token::LBrace | Token::RBrace => false,
        // Texts in all their spellings, and operators, of which a cast and an index are two.
        other => !other.to_string().starts_with(['\'', 'E', 'e', 'B', 'b', 'X', 'x', 'N', 'n', 'U', 'u', '$', '"']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(part: &str) -> String {
        format!("select 1 {}", part.repeat(MOST + 1))
    }

    #[test]
    fn what_nests_too_deep_is_refused_however_it_is_written() {
        for part in ["+ 1", " or true", "union all select 1 ", "|| 'a'", "::int", "is null ", "[1]", "- -1 ", "and not a "] {
            let error = check(&repeated(part)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Query, "{part}");
        }
    }

    #[test]
    fn what_would_be_read_without_end_is_refused() {
        for call in ["abs(", "row(", "cast(", "substring(", "generate_series(", "exists (select ", "and (", "case when x then f("]
        {
            let error = check(&format!("select {}1{}", call.repeat(34), ")".repeat(34))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Query, "{call}");
            check(&format!("select {}1{}", call.repeat(10), ")".repeat(10))).unwrap();
        }
        check(&format!("select {}1{}", "(".repeat(40), ")".repeat(40))).unwrap();
        check(&format!("select {}", "f(g(1)), ".repeat(10_000))).unwrap();
    }

    #[test]
    fn lists_may_be_long() {
        for part in [", 1", ", -1", ", 'a'", ", E'a'", ", U&'a'", ", $$a$$", ", a.b", ", (1, +2)", ", $1", ", \"a b\""] {
            check(&repeated(part)).unwrap();
        }
        check(&format!("select '{}'", "+ ".repeat(2 * MOST))).unwrap();
        check(&format!("select {}1", "1 + ".repeat(MOST))).unwrap();
    }
}
