//! Whole numbers, dates, times and decimals.

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int64Array, UInt64Array};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::{Column, Value, mix, of};
use crate::error::Result;
use crate::matching::assign::keys::failed;
use crate::matching::assign::standing::{Side, at};

/// Numbers of a side.
pub(super) enum Numbers {
    Decimal(Decimal128Array),
    Unsigned(UInt64Array),
    Signed(Int64Array),
}

impl Numbers {
    pub(super) fn of(array: &ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Decimal128(..) => Self::Decimal(array.as_primitive().clone()),
            DataType::UInt64 => Self::Unsigned(array.as_primitive().clone()),
            _ => Self::Signed(cast(array, &DataType::Int64).map_err(failed)?.as_primitive().clone()),
        })
    }

    fn get(&self, row: usize) -> i128 {
        let value = match self {
            Self::Decimal(values) => values.values().get(row).copied(),
            Self::Unsigned(values) => values.values().get(row).copied().map(i128::from),
            Self::Signed(values) => values.values().get(row).copied().map(i128::from),
        };
        value.unwrap_or_default()
    }

    fn len(&self) -> usize {
        match self {
            Self::Decimal(values) => values.len(),
            Self::Unsigned(values) => values.len(),
            Self::Signed(values) => values.len(),
        }
    }

    /// The smallest and the largest of those that take part.
    pub(super) fn bounds(&self, takes_part: &[bool]) -> (i128, i128) {
        let rows = takes_part.iter().enumerate().filter(|(_, takes_part)| **takes_part);
        rows.map(|(row, _)| self.get(row))
            .fold((i128::MAX, i128::MIN), |(least, most), value| (least.min(value), most.max(value)))
    }

    /// How much they are above the smallest; rows that take no part may lie outside.
    pub(super) fn above(&self, least: i128) -> Vec<u64> {
        let above = |value: i128| value.checked_sub(least).and_then(|above| u64::try_from(above).ok()).unwrap_or_default();
        (0..self.len()).map(|row| above(self.get(row))).collect()
    }
}

impl Column for [Numbers; 2] {
    fn hash(&self, side: Side, hashes: &mut [u64]) {
        for (row, hash) in hashes.iter_mut().enumerate() {
            let [low, high] = halves(of(self, side).get(row));
            *hash = mix(*hash ^ low ^ mix(high));
        }
    }

    fn value(&self, side: Side, row: u32) -> Value<'_> {
        Value::Number(of(self, side).get(at(row)))
    }
}

fn halves(value: i128) -> [u64; 2] {
    let mask = u128::from(u64::MAX);
    let bits = u128::from_le_bytes(value.to_le_bytes());
    [bits & mask, bits >> 64].map(|half| u64::try_from(half).unwrap_or_default())
}
