--- rule: fee_audit.exchange
--- version: 1
--- flow: fee_audit                      hop: 2                    priority: 10
--- left: sides.captured_fees            shape: one_sided
--- assign: refuse                       reason: FX_OUT_OF_BAND
-- Captures of which an amount is not the processed amount times its rate, within the six digits that rates are printed with.
select
  line_id as left_id,
  'an amount is not what its rate makes of it' as why
from sides.captured_fees
where is_out_of_band
