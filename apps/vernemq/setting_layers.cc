#include "vernemq/setting_layers.h"

#include <utility>

namespace vmq::launcher {

std::shared_ptr<const config::Config> SettingLayers::compose() const {
    std::shared_ptr<const config::Config> config = file_;
    for (const auto& [key, value] : cluster_) {
        auto next = config->with(key, value, true);
        if (next) config = std::move(next).value();  // set_cluster() has said why not
    }
    for (const auto& [key, own] : own_) {
        auto next = config->with(key, own.value);
        if (next) config = std::move(next).value();
    }
    return config;
}

bool SettingLayers::unset_own(std::string_view key) {
    const auto found = own_.find(key);
    if (found == own_.end()) return false;
    own_.erase(found);
    return true;
}

Result<void> SettingLayers::set_cluster(const std::string& key,
                                        const std::optional<std::string>& value, std::int64_t at) {
    const auto own = own_.find(key);
    if (own != own_.end() && own->second.at <= at) own_.erase(own);
    if (!value) {
        cluster_.erase(key);
        return {};
    }
    cluster_[key] = *value;
    const auto fits = file_->with(key, *value, true);
    if (!fits) return fits.error();
    return {};
}

}  // namespace vmq::launcher
