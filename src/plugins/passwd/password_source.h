// The password file that is in force: read at start, again when it has changed, and on command.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "plugins/passwd/password_file.h"
#include "runtime/coordination.h"
#include "runtime/published.h"
#include "transport/tls_files.h"

namespace vmq::plugins::passwd {

/// What came of a reload.
struct ReloadSummary {
    std::size_t users = 0;
    std::size_t faults = 0;  // lines that do not count; the log names them
    PasswordChanges changes;
};

/// One per plugin, shared by its shards. current() is for every thread; everything else may block
/// on a disk and is for any thread but a shard's, one call at a time.
class PasswordSource final {
public:
    /// Called after a new file is in force and differs from the one before, on the thread that
    /// reloads; must not reload itself.
    using OnChange = std::function<void(const PasswordChanges&)>;

    /// A file that was written less than this ago is not read by look(): its writer may not have
    /// finished, and a later change could not be told by its time.
    static constexpr std::int64_t kSettledAfterNs = 2'000'000'000;

    /// Reads `path`. If it cannot, there are no users until it can: a warning says why.
    explicit PasswordSource(std::string path, OnChange on_change = {});
    PasswordSource(const PasswordSource&) = delete;
    PasswordSource& operator=(const PasswordSource&) = delete;

    /// Never null.
    [[nodiscard]] std::shared_ptr<const PasswordFile> current() const { return current_.get(); }

    /// Reads the file at once, changed or not. On an error the one before stays in force.
    Result<ReloadSummary> reload();
    /// From now on another file; an error leaves the users of the one before, but the next look is
    /// for the new one.
    Result<ReloadSummary> set_path(std::string path);

    /// What would change if the file at `path` took the place of the one in force.
    [[nodiscard]] Result<PasswordChanges> preview(const std::string& path) const;

    enum class Seen : std::uint8_t {
        Unchanged,
        Unsettled,  // has changed, is too young to be read: look again soon
        Reloaded,
        Failed,
    };
    /// Reads the file if it is not the one last read. `now_ns` since 1970.
    Seen look(std::int64_t now_ns);

private:
    [[nodiscard]] Result<transport::FileText> read();
    [[nodiscard]] ReloadSummary replace(transport::FileText text);
    Result<ReloadSummary> reload_now();
    void report(const PasswordFile& file, const PasswordChanges& changes, bool others_may_read);
    void report_failure(const std::string& why);

    const OnChange on_change_;
    runtime::Published<const PasswordFile> current_;

    runtime::OneAtATime one_at_a_time_;  // for what follows
    std::string path_;
    std::vector<transport::WatchedFile> watched_;  // empty: look() must read it
    std::string failure_;                          // why it could not be read last; empty: it could
};

}  // namespace vmq::plugins::passwd
