#include "conformance/broker_conf.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "broker/options_from_config.h"
#include "config/config.h"

namespace vmq::conformance {

std::string conf_text(const Case& played, std::uint32_t shards) {
    std::string text =
        fmt::format("allow_anonymous = on\nlog.console = off\nshards = {}\n", shards);
    std::set<std::string> listeners{"default"};
    for (const Setting& setting : played.settings) {
        if (setting.listener.empty()) {
            text += fmt::format("{} = {}\n", setting.key, setting.value);
        } else {
            listeners.insert(setting.listener);
            text += fmt::format("listener.tcp.{}.{} = {}\n", setting.listener, setting.key,
                                setting.value);
        }
    }
    for (const std::string& name : listeners) {
        text += fmt::format("listener.tcp.{} = 127.0.0.1:0\n", name);
    }
    return text;
}

Result<broker::BrokerOptions> options_of(const std::string& conf) {
    config::MemoryFiles files;
    files.files["vernemq.conf"] = conf;
    const auto loaded = config::Config::load(files, "vernemq.conf");
    if (!loaded.config) {
        return Error{ErrorCode::InvalidValue, config::to_string(loaded.errors.at(0))};
    }
    return std::move(broker::options_from_config(*loaded.config).options);
}

}  // namespace vmq::conformance
