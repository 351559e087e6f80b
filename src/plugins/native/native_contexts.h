// What hooks are told, in the form of vmq_plugin.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "hooks/contexts.h"
#include "plugins/native/vmq_plugin.h"

namespace vmq::plugins::native {

/// Turns contexts of the hook contract into those of the C interface without copying texts: a
/// result is valid as long as the context it was made from, and until the next call. One per shard
/// and plugin; its lists keep their memory, so that a message costs no allocation.
class NativeContexts final {
public:
    [[nodiscard]] vmq_register_context of(const hooks::RegisterContext& context);
    [[nodiscard]] vmq_auth_context of(const hooks::AuthContext& context);
    [[nodiscard]] vmq_publish_context of(const hooks::PublishContext& context);
    [[nodiscard]] vmq_subscribe_context of(const hooks::SubscribeContext& context);
    [[nodiscard]] vmq_unsubscribe_context of(const hooks::UnsubscribeContext& context);
    [[nodiscard]] vmq_client_context of(const hooks::ClientContext& context);
    [[nodiscard]] vmq_message_context of(const hooks::MessageContext& context);
    [[nodiscard]] vmq_config_context of(const hooks::ConfigContext& context);

private:
    [[nodiscard]] vmq_properties list(const mqtt::Properties* properties);
    /// Of a message.
    [[nodiscard]] vmq_properties list(std::string_view encoded,
                                      std::optional<std::uint32_t> expiry_interval);

    vmq_listener listener_{};
    std::vector<vmq_property> properties_;
    std::vector<vmq_subscription> subscriptions_;
    std::vector<vmq_string> filters_;
    std::vector<vmq_config_entry> entries_;
};

}  // namespace vmq::plugins::native
