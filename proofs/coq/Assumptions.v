(** What each theorem rests on. The output is compared with [assumptions.expected]. *)
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Converge Theorems Progress.
Print Assumptions value_le_replica.
Print Assumptions replica_ts_correct.
Print Assumptions unique_timestamps.
Print Assumptions at_most_once.
Print Assumptions causal_order.
Print Assumptions session_causal_order.
Print Assumptions value_is_downset.
Print Assumptions convergence_of_sets.
Print Assumptions convergence_by_law.
Print Assumptions convergence_of_values.
Print Assumptions query_consistency.
Print Assumptions query_waits.
Print Assumptions replied_is_recorded.
Print Assumptions log_exact.
Print Assumptions gc_safe.
Print Assumptions origin_resends.
Print Assumptions egc_safe.
Print Assumptions replica_test_is_value_test.
Print Assumptions nothing_stuck.
Print Assumptions quiescent_convergence.
Print Assumptions can_converge.
Print Assumptions converges.
