// SettingLayers: settings of the file, of the cluster and of this node alone, one upon the other.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "config/config.h"

namespace vmq::launcher {

/// Of one setting the node's own value counts, else the cluster's, else the file's. What is said
/// later about the cluster's takes back what nodes were set to before: the last command counts.
///
/// A plain value, used under the lock of LiveConfig. Times are milliseconds since 1970.
class SettingLayers final {
public:
    explicit SettingLayers(std::shared_ptr<const config::Config> file) : file_(std::move(file)) {}

    /// What is in force.
    [[nodiscard]] std::shared_ptr<const config::Config> compose() const;
    /// The lowest layer.
    [[nodiscard]] const std::shared_ptr<const config::Config>& file() const noexcept {
        return file_;
    }
    void set_file(std::shared_ptr<const config::Config> file) { file_ = std::move(file); }

    /// Requires a value that Config::with() takes.
    void set_own(const std::string& key, const std::string& value, std::int64_t at) {
        own_[key] = {value, at};
    }
    /// False: it had none.
    bool unset_own(std::string_view key);
    /// The cluster's value, none: it has none any more. An Error says why it means nothing here; it
    /// is kept all the same. `at`: when that was said.
    [[nodiscard]] Result<void> set_cluster(const std::string& key,
                                           const std::optional<std::string>& value,
                                           std::int64_t at);
    [[nodiscard]] bool has_cluster(std::string_view key) const { return cluster_.contains(key); }

private:
    struct Own {
        std::string value;
        std::int64_t at = 0;
    };

    std::shared_ptr<const config::Config> file_;
    std::map<std::string, std::string, std::less<>> cluster_;
    std::map<std::string, Own, std::less<>> own_;
};

}  // namespace vmq::launcher
