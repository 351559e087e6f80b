#include "admin/systree.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace vmq::admin {
namespace {

constexpr Millis kFirst{1000};

Millis interval_of(const config::SystreeSettings& settings) {
    return Millis(settings.systree_enabled ? settings.systree_interval_ms : 0);
}

}  // namespace

std::vector<broker::Publication> systree_messages(const metrics::Snapshot& snapshot,
                                                  std::string_view node,
                                                  const config::SystreeSettings& settings) {
    std::vector<broker::Publication> messages;
    const std::string root = "$SYS/" + std::string(node) + '/';
    for (const metrics::Sample& sample : metrics::without_labels(snapshot)) {
        for (const metrics::Point& point : metrics::points(sample)) {
            std::string name = sample.name + point.suffix;
            std::ranges::replace(name, '_', '/');
            messages.push_back(
                {settings.systree_mountpoint, root + name, std::to_string(point.value),
                 static_cast<mqtt::QoS>(settings.systree_qos), settings.systree_retain});
        }
    }
    return messages;
}

Systree::Systree(config::SystreeSettings settings, const MetricsCollector& collector,
                 Publish publish)
    : collector_(collector),
      publish_(std::move(publish)),
      settings_(std::make_shared<const config::SystreeSettings>(std::move(settings))),
      periodic_(
          interval_of(*settings_.get()),
          [this]() -> std::optional<Millis> {
              this->publish();
              return std::nullopt;
          },
          kFirst) {}

void Systree::apply(config::SystreeSettings settings) {
    if (settings == *settings_.get()) return;  // its interval would begin anew
    const Millis interval = interval_of(settings);
    settings_.set(std::make_shared<const config::SystreeSettings>(std::move(settings)));
    periodic_.set_interval(interval);
}

void Systree::publish() const {
    publish_(systree_messages(collector_.snapshot(), collector_.node(), *settings_.get()));
}

}  // namespace vmq::admin
