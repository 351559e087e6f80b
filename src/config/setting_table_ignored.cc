// Rows of the setting table: what VerneMQ files may hold and this broker accepts without using it.
#include "config/setting_rows.h"

namespace vmq::config::rows {
namespace {

constexpr std::string_view kNoMeaning[] = {
    "erlang.*",
    "runtime_health.*",
    "leveldb.*",
    "wait_for_proc",
    "default_schema_dir",
    "sasl",
    "log.sasl",
    "log.sasl.file",
    "log.sasl.rotation.size",
    "log.sasl.rotation.keep",
    "log.sasl.rotation.compress_on_rotate",
    "log.crash.rotation.compress_on_rotate",
    "queue_sup_sup_children",
    "fanout.shard_count",
    "fanout.async_handoff",
    "plumtree.directory",
    "plumtree.outstanding_limit",
    "plumtree.drop_i_have_threshold",
};

constexpr std::string_view kObsolete[] = {
    "trade_consistency", "message_size_limit", "max_queued_messages",
    "log.crash.size",    "log.crash.rotation", "log.crash.maximum_message_size",
    "vmq_pulse.*",       "accept_eula",
};

}  // namespace

void add_ignored_settings(std::vector<Setting>& table) {
    for (const auto key : kNoMeaning) {
        table.push_back(text(key, kUnset, "Tunes a part of VerneMQ that this broker does not have.")
                            .no_meaning());
    }
    table.push_back(text("logging.obfuscation_secret", kUnset,
                         "Hides passwords in the memory of VerneMQ; not needed here.")
                        .no_meaning()
                        .secret());
    for (const auto key : kObsolete) {
        table.push_back(text(key, kUnset, "Known to older versions of VerneMQ only.").obsolete());
    }
}

}  // namespace vmq::config::rows
