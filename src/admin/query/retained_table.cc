#include "admin/query/retained_table.h"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "admin/query/session_table.h"
#include "mqtt/topic.h"

namespace vmq::admin::query {
namespace {

enum Place : std::uint8_t { Payload, Topic, Mountpoint };

constexpr std::array kRetainedFields{
    Field{"payload", Type::Text, "payload of the message", true},
    Field{"topic", Type::Text, "topic; as a value also a filter", true, true, true},
    Field{"mountpoint", Type::Text, "mountpoint of the topic"},
};

constexpr std::size_t kMountpointsAtOnce = 100;
/// Payload that is read for one answer, which somebody is going to copy.
constexpr std::size_t kMaxPayload = std::size_t{16} * 1024 * 1024;

class RetainedRow final : public Row {
public:
    explicit RetainedRow(const mqtt::Message& message) : message_(message) {}

    [[nodiscard]] Value value(std::size_t field) const override {
        switch (field) {
            case Payload:
                return std::string(message_.payload());
            case Topic:
                return std::string(message_.topic());
            default:
                return std::string(message_.mountpoint());
        }
    }

private:
    const mqtt::Message& message_;
};

/// What the index can look for.
std::optional<std::string> filter_of(const Statement& statement) {
    const std::string* topic = statement.required_text(Topic);
    if (topic == nullptr || !mqtt::is_valid_topic_filter(*topic) ||
        mqtt::parse_shared_filter(*topic)) {
        return std::nullopt;
    }
    return *topic;
}

/// Nothing, or why not everything could be read.
Result<void> read(const broker::Broker& broker, const std::string& mountpoint,
                  const Statement& statement, Millis patience, std::size_t& payload,
                  Selection& selection) {
    broker::RetainedReader reader(broker, mountpoint, filter_of(statement));
    while (!reader.done() && selection.wants_more()) {
        const auto messages = reader.next(patience);
        if (!messages) return messages.error();
        for (const mqtt::MessagePtr& message : messages.value()) {
            if (statement.uses(Payload)) payload += message->payload().size();
            if (payload > kMaxPayload) {
                return Error{ErrorCode::LimitReached,
                             "more than 16 MiB of payload; ask for fewer messages"};
            }
            selection.add(RetainedRow(*message));
        }
    }
    return {};
}

Result<void> read_all(const broker::Broker& broker, const Statement& statement, Millis patience,
                      Selection& selection) {
    std::string last;
    std::size_t payload = 0;
    for (bool first = true; selection.wants_more(); first = false) {
        const auto some = broker::retained_mountpoints(broker, kMountpointsAtOnce,
                                                       first ? nullptr : &last, patience);
        if (!some) return some.error();
        for (const std::string& mountpoint : some.value()) {
            auto done = read(broker, mountpoint, statement, patience, payload, selection);
            if (!done) return done;
        }
        if (some.value().size() < kMountpointsAtOnce) return {};
        last = some.value().back();
    }
    return {};
}

}  // namespace

std::span<const Field> RetainedTable::all_fields() noexcept { return kRetainedFields; }

std::vector<std::string> RetainedTable::scan(const Statement& statement, Selection& selection) {
    const Millis patience = statement.row_timeout().value_or(kRowTimeout);
    const std::string* mountpoint = statement.required_text(Mountpoint);
    const bool every = mountpoint == nullptr && statement.uses(Mountpoint);
    std::size_t payload = 0;
    const auto done = every ? read_all(broker_, statement, patience, selection)
                            : read(broker_, mountpoint == nullptr ? "" : *mountpoint, statement,
                                   patience, payload, selection);
    if (done) return {};
    return {done.error().detail + ": retained messages are missing"};
}

}  // namespace vmq::admin::query
