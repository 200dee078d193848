//! How much a statement may have in it that stands inside of something else.
//!
//! `a + b + c` is a sum in a sum, `x or y or z` an or in an or, and each union stands in the one after it. The parser, the
//! planner and the optimizer go down into them by calling themselves, so that a long enough one would overflow the stack of its
//! thread, and with it end the process for everybody.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Error, ErrorKind, Result};

/// Operators in a statement, for which [`STACK`] is enough; to plan as many takes some ten seconds.
const MOST: usize = 3_000;

/// Bytes of stack that threads have on which statements are planned and run. What is not used of them takes no memory.
pub const STACK: usize = 128 << 20;

/// Refuses a text that has more operators than can be planned.
///
/// # Errors
/// [`ErrorKind::Query`], saying how many there are.
pub fn check(sql: &str) -> Result<()> {
    // Each is a character at least.
    if sql.len() <= MOST {
        return Ok(());
    }
    // What is no SQL is for the parser to say.
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize() else { return Ok(()) };
    let mut before = &Token::EOF;
    let mut count = 0_usize;
    for token in tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))) {
        let is_sign = matches!((before, token), (Token::Comma | Token::LParen, Token::Minus | Token::Plus));
        count += usize::from(nests(token) && !is_sign);
        before = token;
    }
    if count <= MOST {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Query, format!("the statement has {count} operators, and may have {MOST}"));
    Err(error.hint("compare with a list, as in id in ('a', 'b'), or join a table of the values"))
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
    fn lists_may_be_long() {
        for part in [", 1", ", -1", ", 'a'", ", E'a'", ", U&'a'", ", $$a$$", ", a.b", ", (1, +2)", ", $1", ", \"a b\""] {
            check(&repeated(part)).unwrap();
        }
        check(&format!("select '{}'", "+ ".repeat(2 * MOST))).unwrap();
        check(&format!("select {}1", "1 + ".repeat(MOST))).unwrap();
    }
}
