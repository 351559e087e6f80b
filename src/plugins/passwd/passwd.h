// vmq_passwd as a whole: the file, the threads that check passwords, and a plugin for each shard.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "hooks/plugin.h"
#include "plugins/passwd/password_source.h"
#include "plugins/passwd/password_verifier.h"
#include "runtime/periodic.h"

namespace vmq::plugins::passwd {

struct PasswdOptions {
    std::string password_file;
    Millis reload_interval{10'000};  // 0: never by itself; below 0 counts as above
    PasswordVerifier::Options verifier;
};

/// One per broker. It is made before the first client connects, and by then has read the file.
/// Between the end of the shards' threads and that of their loops stop() is called; it is destroyed
/// after the plugins it made. All other calls are for any thread but a shard's, except counts().
class Passwd final {
public:
    /// `post` runs a function on a shard's thread, in a later turn. `on_change` is called on a
    /// thread of this object or on the one that calls reload().
    Passwd(PasswdOptions options, PasswordVerifier::Post post,
           PasswordSource::OnChange on_change = {});
    ~Passwd() { stop(); }
    Passwd(const Passwd&) = delete;
    Passwd& operator=(const Passwd&) = delete;

    /// For the chain of one shard.
    [[nodiscard]] std::unique_ptr<hooks::Plugin> plugin(ShardId shard);

    /// Reads the file at once. On an error the users there are stay.
    Result<ReloadSummary> reload() { return source_.reload(); }
    [[nodiscard]] Result<PasswordChanges> preview(const std::string& path) const {
        return source_.preview(path);
    }
    /// vmq_passwd.password_file while the broker runs.
    Result<ReloadSummary> set_password_file(std::string path) {
        return source_.set_path(std::move(path));
    }
    /// vmq_passwd.password_reload_interval while the broker runs.
    void set_reload_interval(Millis interval) {
        if (watcher_) watcher_->set_interval(interval);
    }

    /// The file is no longer looked at, and the call under way has ended. Logins are answered
    /// still.
    void stop_watching() { watcher_.reset(); }

    /// Any thread.
    [[nodiscard]] PasswordVerifier::Counts counts() const { return verifier_.counts(); }
    [[nodiscard]] std::size_t users() const { return source_.current()->size(); }

    /// Ends the threads; logins that wait are not answered. Again is no harm.
    void stop();

private:
    [[nodiscard]] std::optional<Millis> look();

    PasswordSource source_;
    PasswordVerifier verifier_;
    std::optional<runtime::Periodic> watcher_;  // until stop()
};

}  // namespace vmq::plugins::passwd
