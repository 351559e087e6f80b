// The configuration of a node: read once, checked as a whole, then never changed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/assignment.h"
#include "config/diagnostic.h"
#include "config/file_source.h"
#include "config/settings.h"

namespace vmq::config {

struct LoadResult;

/// A setting as it is in force. `value` is ****** for secrets.
struct EffectiveSetting {
    std::string key;
    std::string value;
    std::string origin;  // "default", "FILE:LINE", "FILE:LINE, environment", "set at run time",
                         // "set for the cluster"

    friend bool operator==(const EffectiveSetting&, const EffectiveSetting&) = default;
};

/// Immutable, so every shard may read it through a shared_ptr<const Config>. A change at run time
/// is a new Config.
class Config final {
public:
    /// Reads `path` with all it includes and checks it. There is a config exactly if there are no
    /// errors.
    [[nodiscard]] static LoadResult load(FileSource& files, const std::string& path);

    /// For a start without any file: MQTT and the status page on loopback only, clients need no
    /// password, the log goes to standard output.
    [[nodiscard]] static std::shared_ptr<const Config> without_file();

    /// Requires what load() has checked; use load().
    Config(Assignments assignments, std::vector<ListenerSettings> listeners);

    [[nodiscard]] const MqttSettings& mqtt() const noexcept { return mqtt_; }
    [[nodiscard]] const NodeSettings& node() const noexcept { return node_; }
    [[nodiscard]] const PluginSettings& plugins() const noexcept { return plugins_; }
    [[nodiscard]] const LogSettings& log() const noexcept { return log_; }
    [[nodiscard]] const SystreeSettings& systree() const noexcept { return systree_; }
    [[nodiscard]] const GraphiteSettings& graphite() const noexcept { return graphite_; }
    [[nodiscard]] std::span<const ListenerSettings> listeners() const noexcept {
        return listeners_;
    }

    /// A copy in which `key` has another value, for `vmq-admin set`; only keys that the table calls
    /// settable. The file stays as it is. `for_cluster`: it holds on all nodes.
    [[nodiscard]] Result<std::shared_ptr<const Config>> with(std::string_view key,
                                                             std::string_view text,
                                                             bool for_cluster = false) const;
    /// A copy in which `key` is as it is in `other`, for a file that has changed.
    [[nodiscard]] Result<std::shared_ptr<const Config>> with(std::string_view key,
                                                             const Config& other) const;

    // For tools that show any setting; the broker reads the structs above. They require a key with
    // a value of that type.
    [[nodiscard]] bool flag(std::string_view key) const;
    [[nodiscard]] std::int64_t integer(std::string_view key) const;
    /// The value as it would stand in a file; ****** for secrets. An error if `key` is unknown or
    /// unset.
    [[nodiscard]] Result<std::string> text(std::string_view key) const;
    /// Where it comes from, see EffectiveSetting. An error as of text().
    [[nodiscard]] Result<std::string> origin(std::string_view key) const;

    /// Every setting in force, sorted by key, with the options of each listener resolved.
    [[nodiscard]] std::vector<EffectiveSetting> effective() const;

    /// effective() as lines `key = value` that can be read again.
    [[nodiscard]] std::string effective_text() const;

    /// What `vernemq config describe KEY` prints; an error if there is no such setting.
    [[nodiscard]] Result<std::string> describe(std::string_view key) const;

private:
    [[nodiscard]] const Assignment& at(std::string_view key) const;

    const Assignments assignments_;
    const MqttSettings mqtt_;
    const NodeSettings node_;
    const PluginSettings plugins_;
    const LogSettings log_;
    const SystreeSettings systree_;
    const GraphiteSettings graphite_;
    const std::vector<ListenerSettings> listeners_;
};

struct LoadResult {
    std::shared_ptr<const Config> config;  // null if there are errors
    std::vector<Diagnostic> errors;        // by file and line
    std::vector<Diagnostic> warnings;
};

/// `value` written so that the grammar reads it back: quoted where it must be.
[[nodiscard]] std::string quoted(std::string_view value);

}  // namespace vmq::config
