#include "session/publish_template.h"

#include "mqtt/encoder.h"

namespace vmq::session {

const PublishTemplate::Encoding& PublishTemplate::encoding(const mqtt::Message& message, bool v5,
                                                           mqtt::QoS qos, bool retain) {
    const unsigned index = (v5 ? 6U : 0U) + static_cast<unsigned>(qos) * 2U + (retain ? 1U : 0U);
    Encoding& encoding = encodings_[index];
    if ((made_ >> index & 1U) != 0) return encoding;
    made_ |= 1U << index;
    mqtt::Publish packet;
    packet.topic = message.topic();
    packet.payload = message.payload();
    packet.qos = qos;
    packet.retain = retain;
    packet.id = mqtt::PacketId{1};
    encoding.bytes.clear();
    mqtt::encode_publish(packet, v5 ? mqtt::ProtocolVersion::V5 : mqtt::ProtocolVersion::V311,
                         message.properties(), encoding.bytes);
    std::size_t header = 2;
    while ((static_cast<unsigned char>(encoding.bytes[header - 1]) & 0x80U) != 0) ++header;
    encoding.id_at = header + 2 + message.topic().size();
    return encoding;
}

}  // namespace vmq::session
