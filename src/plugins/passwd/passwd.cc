#include "plugins/passwd/passwd.h"

#include <chrono>
#include <utility>

#include "plugins/passwd/passwd_plugin.h"

namespace vmq::plugins::passwd {
namespace {

constexpr Millis kUntilSettled = Seconds(1);

std::int64_t nanoseconds_since_1970() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

Passwd::Passwd(PasswdOptions options, PasswordVerifier::Post post,
               PasswordSource::OnChange on_change)
    : source_(std::move(options.password_file), std::move(on_change)),
      verifier_(options.verifier, std::move(post)) {
    watcher_.emplace(options.reload_interval, [this] { return look(); });
}

std::unique_ptr<hooks::Plugin> Passwd::plugin(ShardId shard) {
    return std::make_unique<PasswdPlugin>(shard, source_, verifier_);
}

void Passwd::stop() {
    watcher_.reset();
    verifier_.stop();
}

/// A file that has just been written is looked at again soon.
std::optional<Millis> Passwd::look() {
    const auto seen = source_.look(nanoseconds_since_1970());
    return seen == PasswordSource::Seen::Unsettled ? std::optional(kUntilSettled) : std::nullopt;
}

}  // namespace vmq::plugins::passwd
