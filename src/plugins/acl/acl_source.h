// The ACL file of the node: read at start, again at intervals and on command, shared by all shards.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "plugins/acl/acl_changes.h"
#include "plugins/acl/acl_rules.h"
#include "runtime/coordination.h"
#include "runtime/periodic.h"
#include "runtime/published.h"
#include "transport/tls_files.h"

namespace vmq::plugins::acl {

/// The rules in force. rules() and generation() may be asked on every thread; what reads files
/// blocks and is for threads that may. One per node; the plugins of all shards keep it alive.
///
/// Until a file has been read nothing is allowed. A file that cannot be read is an error, and the
/// rules that were in force stay.
class AclSource final {
public:
    struct Options {
        std::string file;               // vmq_acl.acl_file
        std::uint32_t max_levels = 10;  // topic_max_depth
        AclRules::Options rules{};
    };
    /// Told, on the thread that reloads, that other rules than before are in force. Must not
    /// reload.
    using Changed = std::function<void(const Revision&)>;

    explicit AclSource(Options options, Changed changed = {});
    AclSource(const AclSource&) = delete;
    AclSource& operator=(const AclSource&) = delete;

    /// Reads the file, changed or not, and logs what it changes and what is wrong with it.
    Result<Revision> reload();
    /// The same with another file, which is the one to read from then on. On an error it is not.
    Result<Revision> use_file(const std::string& file);
    /// These rules, in the form of a file, until `file` is there for the first time: that it is
    /// missing is no error then.
    void use_until_there(std::string_view text);
    /// A file that was written less than this ago is not read by look(): its writer may not have
    /// finished, and half a file would take rights away.
    static constexpr std::int64_t kSettledAfterNs = 2'000'000'000;
    /// Reads the file if it is not what it was. The same error is logged once. Returns when to look
    /// again if that is soon. `now_ns` since 1970.
    std::optional<Millis> look(std::int64_t now_ns);

    /// What the file at `path` would change if it were put in place of the present one. Changes
    /// and logs nothing.
    [[nodiscard]] Result<Revision> preview(const std::string& path) const;

    [[nodiscard]] std::shared_ptr<const AclRules> rules() const { return rules_.get(); }
    /// Another number than before: ask for rules() anew. Asking for the number first and for the
    /// rules then gives rules that are at least as new as the number.
    [[nodiscard]] std::uint64_t generation() const noexcept { return rules_.version(); }

private:
    [[nodiscard]] Result<Revision> read(const std::string& path,
                                        transport::TlsLoadNotes& notes) const;
    Result<Revision> load(const std::string& path);
    [[nodiscard]] Revision revision_of(std::string_view text) const;
    void install(const Revision& revision);

    const Options options_;
    const Changed changed_;
    runtime::Published<const AclRules> rules_;

    runtime::OneAtATime loading_;  // guards what is below
    std::string file_;
    std::vector<transport::WatchedFile> watched_;  // empty: read at the next opportunity
    std::string last_error_;
    bool may_be_missing_ = false;
};

/// A thread that looks at the file of `source`, which outlives it, at intervals.
class AclWatcher final {
public:
    /// vmq_acl.acl_reload_interval; 0: never.
    AclWatcher(AclSource& source, Millis interval);

    /// Counts from now on. Any thread.
    void set_interval(Millis interval) { periodic_.set_interval(interval); }

private:
    runtime::Periodic periodic_;
};

}  // namespace vmq::plugins::acl
