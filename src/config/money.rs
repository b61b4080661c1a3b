//! Rates of currencies and quotas of owners: CSV files that the configuration names.

use std::path::{Path, PathBuf};

use jiff::{ToSpan as _, civil::Date};

use super::{
    ConfigError,
    file::{CurrencyTable, QuotaTable},
};

/// The most digits of a rate before and after its point, which the conversion keeps.
const RATE_DIGITS: (usize, usize) = (8, 10);
/// The most digits of a quota before and after its point.
const QUOTA_DIGITS: (usize, usize) = (15, 2);

/// What the files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// The rates, where a base currency is configured.
    pub rates: Option<Rates>,
    /// The quotas.
    pub quotas: Vec<Quota>,
}

/// What one unit of each currency is worth in the base currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    /// The currency that amounts are converted to.
    pub base: String,
    /// Currencies and their rates, as digits; the base is among them, at 1.
    pub rates: Vec<(String, String)>,
}

/// What an owner, or the team, is to sell in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The owner's name; the team where there is none.
    pub owner: Option<String>,
    /// The period's first day.
    pub first_day: Date,
    /// The period's last day.
    pub last_day: Date,
    /// How much, as digits.
    pub amount: String,
    /// The currency; that of all amounts where there is none.
    pub currency: Option<String>,
}

impl Tables {
    pub(super) fn read(currency: &CurrencyTable, quota: &QuotaTable, folder: &Path) -> Result<Self, ConfigError> {
        let rates = match (&currency.base, &currency.rates) {
            (None, None) => None,
            (Some(base), Some(rates)) => Some(Rates::read(base, &folder.join(rates))?),
            (Some(_), None) => {
                return Err(value(
                    "[currency] base",
                    "needs a file of rates: rates = \"rates.csv\", with currency,rate",
                ));
            }
            (None, Some(_)) => {
                return Err(value("[currency] rates", "needs the currency to convert to, such as base = \"EUR\""));
            }
        };
        let quotas = quota.file.as_ref().map(|file| Quota::read(&folder.join(file))).transpose()?.unwrap_or_default();
        let quotas = match &rates {
            Some(rates) => quotas.into_iter().map(|quota| rates.checked(quota)).collect::<Result<_, _>>()?,
            None => quotas,
        };
        Ok(Self { rates, quotas })
    }
}

impl Rates {
    fn read(base: &str, path: &Path) -> Result<Self, ConfigError> {
        let base = code(base).ok_or_else(|| value("[currency] base", "must be a currency such as \"EUR\""))?;
        let mut rates: Vec<(String, String)> = Vec::new();
        for line in Lines::read(path, &["currency", "rate"], &[])? {
            let currency = line.get("currency");
            let currency =
                code(currency).ok_or_else(|| line.wrong(format!("\"{currency}\" is no currency such as USD")))?;
            let rate = line.get("rate");
            let digits = decimal(rate, RATE_DIGITS)
                .filter(|digits| digits.chars().any(|c| ('1'..='9').contains(&c)) && !digits.starts_with('-'));
            let rate = digits.ok_or_else(|| {
                line.wrong(format!("\"{rate}\" is no rate: what 1 {currency} is worth in {base}, such as 0.92"))
            })?;
            if currency == base && rate.parse() != Ok(1.0) {
                return Err(line.wrong(format!("1 {base} is worth 1 {base}, and not {rate}")));
            }
            if rates.iter().any(|(known, _)| *known == currency) {
                return Err(line.wrong(format!("{currency} stands twice")));
            }
            rates.push((currency, rate));
        }
        if !rates.iter().any(|(currency, _)| *currency == base) {
            rates.push((base.clone(), "1".to_owned()));
        }
        Ok(Self { base, rates })
    }

    /// A quota without a currency is one in the base currency; one in another that has no rate cannot be compared.
    fn checked(&self, mut quota: Quota) -> Result<Quota, ConfigError> {
        let currency = quota.currency.get_or_insert_with(|| self.base.clone());
        if *currency != self.base {
            return Err(value(
                "[quota] file",
                &format!("has a quota in {currency}, and amounts are converted to {}; write quotas in it", self.base),
            ));
        }
        Ok(quota)
    }
}

impl Quota {
    fn read(path: &Path) -> Result<Vec<Self>, ConfigError> {
        let mut quotas: Vec<Self> = Vec::new();
        for line in Lines::read(path, &["period", "amount"], &["owner", "currency"])? {
            let named = line.get("period");
            let (first_day, last_day) = period(named)
                .ok_or_else(|| line.wrong(format!("\"{named}\" is no period such as 2026, 2026-Q1 or 2026-01")))?;
            let amount = line.get("amount");
            let amount = decimal(amount, QUOTA_DIGITS)
                .filter(|digits| !digits.starts_with('-'))
                .ok_or_else(|| line.wrong(format!("\"{amount}\" is no amount such as 250000 or 250000.00")))?;
            let currency = line.get("currency");
            let known = code(currency);
            if known.is_none() && !currency.is_empty() {
                return Err(line.wrong(format!("\"{currency}\" is no currency such as USD")));
            }
            let owner = Some(line.get("owner").to_owned()).filter(|owner| !owner.is_empty());
            let quota = Self { owner, first_day, last_day, amount, currency: known };
            let same = |other: &Self| {
                (&other.owner, other.first_day, other.last_day, &other.currency)
                    == (&quota.owner, quota.first_day, quota.last_day, &quota.currency)
            };
            if quotas.iter().any(same) {
                return Err(line.wrong("stands twice: the same owner, period and currency".to_owned()));
            }
            quotas.push(quota);
        }
        Ok(quotas)
    }
}

/// A line of a CSV file, by the names of its columns.
struct Line {
    path: PathBuf,
    number: u64,
    cells: Vec<(String, String)>,
}

struct Lines;

impl Lines {
    fn read(path: &Path, needed: &[&str], more: &[&str]) -> Result<Vec<Line>, ConfigError> {
        let unreadable = |source| ConfigError::File { path: path.to_owned(), source };
        let text = std::fs::read(path).map_err(unreadable)?;
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        let wrong = |line: u64, message: String| ConfigError::Invalid {
            path: path.to_owned(),
            line: usize::try_from(line).unwrap_or(usize::MAX),
            message,
        };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(text);
        let failed = |error: csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            let problem = match error.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("has {len} cells where the first line has {expected_len}")
                }
                csv::ErrorKind::Utf8 { .. } => "is not UTF-8 text".to_owned(),
                _ => "is no CSV".to_owned(),
            };
            wrong(line, problem)
        };
        let names: Vec<String> = reader.headers().map_err(failed)?.iter().map(str::to_lowercase).collect();
        let known = || needed.iter().chain(more);
        if let Some(missing) = needed.iter().find(|name| !names.iter().any(|there| there == *name)) {
            return Err(wrong(
                1,
                format!("has no column \"{missing}\"; its first line must name {}", needed.join(",")),
            ));
        }
        if let Some(unknown) = names.iter().find(|name| !known().any(|known| known == name)) {
            let known = known().copied().collect::<Vec<_>>().join(", ");
            return Err(wrong(1, format!("has a column \"{unknown}\"; there is {known}")));
        }
        reader
            .records()
            .map(|record| {
                let record = record.map_err(failed)?;
                let cells = names.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
                let number = record.position().map_or(0, csv::Position::line);
                Ok(Line { path: path.to_owned(), number, cells })
            })
            .collect()
    }
}

impl Line {
    fn get(&self, name: &str) -> &str {
        self.cells.iter().find(|(column, _)| column == name).map_or("", |(_, cell)| cell)
    }

    fn wrong(&self, message: String) -> ConfigError {
        let line = usize::try_from(self.number).unwrap_or(usize::MAX);
        ConfigError::Invalid { path: self.path.clone(), line, message }
    }
}

fn value(setting: &str, problem: &str) -> ConfigError {
    ConfigError::Value { setting: setting.to_owned(), problem: problem.to_owned() }
}

/// A currency as ISO 4217 writes it: three letters.
fn code(text: &str) -> Option<String> {
    let text = text.trim().to_uppercase();
    (text.len() == 3 && text.chars().all(|c| c.is_ascii_uppercase())).then_some(text)
}

/// The digits of a decimal number that has no more than so many before and after its point.
fn decimal(text: &str, (before, after): (usize, usize)) -> Option<String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    (are_digits(whole) && are_digits(fraction) && whole.len() <= before && fraction.len() <= after)
        .then(|| text.to_owned())
}

/// The first and the last day of `2026`, `2026-Q1` or `2026-01`.
fn period(text: &str) -> Option<(Date, Date)> {
    let (year, part) = text.split_once('-').unwrap_or((text, ""));
    let year: i16 = Some(year).filter(|year| year.len() == 4)?.parse().ok()?;
    let (month, months): (i8, i32) = match part.strip_prefix(['Q', 'q']) {
        Some(quarter) => (quarter.parse::<i8>().ok().filter(|quarter| (1..=4).contains(quarter))? * 3 - 2, 3),
        None if part.is_empty() && !text.contains('-') => (1, 12),
        None => (Some(part).filter(|part| part.len() == 2)?.parse().ok()?, 1),
    };
    let first = Date::new(year, month, 1).ok()?;
    let last = first.checked_add(months.months()).ok()?.yesterday().ok()?;
    Some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.csv");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn rates_are_what_a_unit_is_worth() {
        let (_folder, path) = written("\u{feff}Currency, Rate\n# of today\nusd, 0.92\nGBP,1.17\n");
        let rates = Rates::read("eur", &path).unwrap();
        assert_eq!(rates.base, "EUR");
        let pair = |currency: &str, rate: &str| (currency.to_owned(), rate.to_owned());
        assert_eq!(rates.rates, [pair("USD", "0.92"), pair("GBP", "1.17"), pair("EUR", "1")]);
    }

    #[test]
    fn a_file_that_is_wrong_is_told_by_its_line() {
        for (text, line, part) in [
            ("currency,rate\nUSD,0.9\nUSD,0.8\n", 3, "stands twice"),
            ("currency,rate\nUSD,-1\n", 2, "is no rate"),
            ("currency,rate\nUSD,0\n", 2, "is no rate"),
            ("currency,rate\nUSD,1e3\n", 2, "is no rate"),
            ("currency,rate\nEUR,1.5\n", 2, "1 EUR is worth 1 EUR"),
            ("currency,rate\nDollar,1.5\n", 2, "is no currency"),
            ("currency\nUSD\n", 1, "has no column \"rate\""),
            ("currency,rate,day\nUSD,1,1\n", 1, "has a column \"day\""),
            ("currency,rate\nUSD\n", 2, "has 1 cells"),
        ] {
            let (_folder, path) = written(text);
            match Rates::read("EUR", &path) {
                Err(ConfigError::Invalid { line: found, message, .. }) => {
                    assert_eq!(found, line, "{text}");
                    assert!(message.contains(part), "{message}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn periods_are_years_quarters_and_months() {
        let days = |text: &str| period(text).map(|(first, last)| format!("{first} {last}"));
        assert_eq!(days("2026").unwrap(), "2026-01-01 2026-12-31");
        assert_eq!(days("2026-Q4").unwrap(), "2026-10-01 2026-12-31");
        assert_eq!(days("2024-02").unwrap(), "2024-02-01 2024-02-29");
        for text in ["", "26", "2026-", "2026-Q5", "2026-13", "2026-1", "2026-01-01"] {
            assert_eq!(days(text), None, "{text}");
        }
    }

    #[test]
    fn quotas_are_of_owners_and_of_the_team() {
        let (_folder, path) = written("owner,period,amount,currency\nAnn Lee,2026-Q1,1000,EUR\n,2026,5000.50,\n");
        let quotas = Quota::read(&path).unwrap();
        assert_eq!(quotas[0].owner.as_deref(), Some("Ann Lee"));
        assert_eq!((quotas[1].owner.as_deref(), quotas[1].amount.as_str()), (None, "5000.50"));
    }
}
