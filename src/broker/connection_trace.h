// ConnectionTrace: what traces are told of one connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/output_buffer.h"
#include "broker/trace.h"
#include "hooks/contexts.h"
#include "hooks/plugin.h"
#include "hooks/verdicts.h"
#include "mqtt/decoder.h"
#include "mqtt/packet_text.h"
#include "mqtt/types.h"
#include "session/topic_aliases.h"

namespace vmq::broker {

/// The moment of an event, on both clocks.
struct TraceMoment {
    TimePoint now;
    std::int64_t wall_ms;
};

/// Owned by a connection that at least one trace wants, and used on its shard; moves with it.
class ConnectionTrace final {
public:
    /// `pid`: what stands in the place of VerneMQ's process id.
    explicit ConnectionTrace(std::string pid) : pid_(std::move(pid)) {}

    [[nodiscard]] bool has(const Trace& trace) const noexcept;
    /// From now on `trace` is told as well.
    void add(std::shared_ptr<Trace> trace) { traces_.push_back(std::move(trace)); }
    /// Forgets traces that are not in `running`. True: none is left.
    bool keep_only(const Traces* running);
    void set_client(std::string_view mountpoint, std::string_view client_id);
    void set_version(mqtt::ProtocolVersion version) noexcept { version_ = version; }

    /// A packet of the client. `aliases` of the connection, or null: the topics of PUBLISH without.
    void received(const mqtt::Frame& frame, const session::TopicAliases* aliases, TraceMoment at);
    /// Packets to the client: what `output` holds behind what was seen of it already.
    void sent(const OutputBuffer* output, const session::TopicAliases* aliases, TraceMoment at);
    /// So much of what was seen is still in the output.
    void keep(std::size_t unsent) noexcept { seen_ = unsent; }

    // A hook is asked, and has answered.
    void calling(const hooks::RegisterContext& context, TraceMoment at);
    void calling(const hooks::AuthContext& context, TraceMoment at);
    void calling(const hooks::PublishContext& context, TraceMoment at);
    void calling(const hooks::SubscribeContext& context, TraceMoment at);
    void returned(const hooks::RegisterVerdict& verdict, TraceMoment at);
    void returned(const hooks::AuthVerdict& verdict, TraceMoment at);
    void returned(const hooks::PublishVerdict& verdict, TraceMoment at);
    void returned(const hooks::SubscribeVerdict& verdict, TraceMoment at);

    /// It is a connection that `trace` did not know.
    void found(Trace& trace, TraceMoment at) const;
    /// The connection is gone.
    void stopped(TraceMoment at) const;

private:
    /// Topics of an event; an event without any is not for a trace of a topic.
    using Topics = std::vector<std::string_view>;
    [[nodiscard]] static bool wants(const Trace& trace, const Topics& topics);
    /// Tells those traces that want it what `write(payload limit, out)` appends.
    template <typename Write>
    void tell(const Topics& topics, TraceMoment at, Write write);
    void packet(const mqtt::Frame& frame, mqtt::From from, const session::TopicAliases* aliases,
                TraceMoment at);
    void hook_returned(TraceMoment at, std::string_view text);
    [[nodiscard]] std::string refused(const hooks::Refusal& refusal) const;

    const std::string pid_;
    std::string client_;  // printable, with the mountpoint if it has one
    std::string client_id_;
    Traces traces_;
    std::size_t seen_ = 0;  // of the output
    mqtt::ProtocolVersion version_ = mqtt::ProtocolVersion::V311;
    std::vector<std::string> asked_topics_;  // of the hook that was asked last
};

}  // namespace vmq::broker
