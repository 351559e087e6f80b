#include "plugins/passwd/passwd.h"

#include <chrono>
#include <utility>
#include <vector>

#include "plugins/passwd/passwd_plugin.h"

namespace vmq::plugins::passwd {
namespace {

constexpr Millis kOff{0};
constexpr Millis kIdle = std::chrono::hours(1);
constexpr Millis kUntilSettled = Seconds(1);

Millis magnitude(Millis interval) { return interval < kOff ? -interval : interval; }

std::int64_t nanoseconds_since_1970() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

Passwd::Passwd(PasswdOptions options, PasswordVerifier::Post post,
               PasswordSource::OnChange on_change)
    : interval_(magnitude(options.reload_interval)),
      source_(std::move(options.password_file), std::move(on_change)),
      verifier_(options.verifier, std::move(post)) {
    watcher_.emplace([this] { watch(); });
}

std::unique_ptr<hooks::Plugin> Passwd::plugin(ShardId shard) {
    return std::make_unique<PasswdPlugin>(shard, source_, verifier_);
}

void Passwd::set_reload_interval(Millis interval) {
    interval_.store(magnitude(interval));
    woken_.push(0);
}

void Passwd::stop() {
    woken_.close();
    watcher_.reset();
    verifier_.stop();
}

void Passwd::watch() {
    std::vector<int> woken;
    Millis patience = interval_.load();
    while (woken_.take(woken, patience == kOff ? kIdle : patience)) {
        woken.clear();
        patience = interval_.load();
        if (patience == kOff) continue;
        if (source_.look(nanoseconds_since_1970()) == PasswordSource::Seen::Unsettled)
            patience = std::min(patience, kUntilSettled);
    }
}

}  // namespace vmq::plugins::passwd
