//! The cards customers pay with: made-up numbers of made-up banks, the same every time the same card is asked for.

use super::currency::Currency;
use super::dice::Dice;
use super::payment::Payment;

/// What a payment shows of the card it was made with.
#[derive(Debug, Clone)]
pub(super) struct Card {
    /// What the first digits say.
    pub product: Product,
    /// Last four digits.
    pub last4: String,
    /// Stands for the card number.
    pub fingerprint: String,
    /// Country of the bank, two letters.
    pub issuer_country: &'static str,
    /// Month the card ends.
    pub expiry_month: u64,
    /// Year the card ends.
    pub expiry_year: u64,
    /// Wallet the card is in.
    pub wallet: Option<&'static str>,
}

/// What the first digits of a card number say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Product {
    /// First six or eight digits.
    pub bin: &'static str,
    /// Spelling of the reference.
    pub scheme: &'static str,
    /// Spelling of the reference.
    pub card_type: &'static str,
    /// Spelling of the reference.
    pub category: &'static str,
    /// Name of the bank.
    pub issuer: &'static str,
    /// The scheme's product code.
    pub product_id: &'static str,
    /// The scheme's product name.
    pub product_type: &'static str,
}

const fn product(bin: &'static str, scheme: &'static str, card_type: &'static str, issuer: &'static str) -> Product {
    Product { bin, scheme, card_type, category: "Consumer", issuer, product_id: "F", product_type: "Classic" }
}

const fn commercial(product: Product) -> Product {
    Product { category: "Commercial", product_id: "K", product_type: "Corporate", ..product }
}

const PRODUCTS: [(u64, Product); 12] = [
    (22, product("424242", "Visa", "Credit", "SAMPLE BANK ONE")),
    (18, product("45434700", "Visa", "Debit", "SAMPLE BANK TWO")),
    (4, product("465858", "Visa", "Prepaid", "SAMPLE PREPAID, \"CARDS\" & CO")),
    (3, commercial(product("48414501", "Visa", "Credit", "SAMPLE BANK ONE"))),
    (18, product("543603", "Mastercard", "Debit", "SAMPLE BANK THREE")),
    (14, product("51850200", "Mastercard", "Credit", "SAMPLE BANK FOUR")),
    (3, commercial(product("535501", "Mastercard", "Deferred Debit", "BANCO EJEMPLO Ñ"))),
    (8, product("378282", "American Express", "Charge", "SAMPLE TRAVEL CARDS")),
    (3, product("353011", "JCB", "Credit", "サンプル銀行")),
    (3, product("36000000", "Diners Club", "Charge", "SAMPLE CLUB")),
    (2, product("601111", "Discover", "Credit", "SAMPLE BANK FIVE")),
    (2, product("676770", "Maestro", "Debit", "SAMPLE BANK SIX")),
];
const COUNTRIES: [&str; 8] = ["GB", "DE", "FR", "US", "ES", "SE", "AE", "BR"];
const WALLETS: [(u64, Option<&str>); 3] = [(80, None), (12, Some("applepay")), (8, Some("googlepay"))];
const STREAM: u64 = 2;

impl Card {
    /// The card of a payment.
    pub(super) fn of(seed: u64, payment: &Payment) -> Self {
        Self::held(seed, payment.card, payment.currency)
    }

    /// A card of a customer who pays in a currency.
    pub(super) fn held(seed: u64, card: u64, currency: &Currency) -> Self {
        let mut dice = Dice::new(seed, STREAM, card);
        let product = dice.weighted(&PRODUCTS);
        let last4 = format!("{:04}", dice.below(10_000));
        let fingerprint = format!("{:016X}{:016X}{:016X}{:016X}", dice.bits(), dice.bits(), dice.bits(), dice.bits());
        let issuer_country = if dice.chance(850) { currency.country } else { dice.pick(&COUNTRIES) };
        let (expiry_month, expiry_year) = (1 + dice.below(12), 2026 + dice.below(5));
        let wallet = dice.weighted(&WALLETS);
        Self { product, last4, fingerprint, issuer_country, expiry_month, expiry_year, wallet }
    }

    /// Where the card is from, as fees and reports see it.
    pub(super) fn region(&self, payment: &Payment) -> &'static str {
        const EEA: [&str; 5] = ["DE", "FR", "ES", "SE", "PL"];
        match self.issuer_country {
            country if country == payment.currency.country => "Domestic",
            country if EEA.contains(&country) && EEA.contains(&payment.currency.country) => "EEA",
            _ => "International",
        }
    }
}
