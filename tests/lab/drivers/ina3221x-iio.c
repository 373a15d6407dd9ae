// SPDX-License-Identifier: GPL-2.0
/*
 * An INA3221 behind the IIO core with the attributes of NVIDIA's driver in L4T 3.10 and 4.x, which is not in
 * any mainline kernel: /sys/bus/i2c/devices/B-AAAA/iio_device/{rail_name_N, in_voltageN_input (mV),
 * in_currentN_input (mA), in_powerN_input (mW), running_mode}. The lab's, for tests: single conversions, alarms
 * and triggers are left out.
 */
#include <linux/i2c.h>
#include <linux/iio/iio.h>
#include <linux/iio/sysfs.h>
#include <linux/module.h>
#include <linux/of.h>

#define CHANNELS 3

struct chip {
	struct i2c_client *client;
	const char *rail[CHANNELS];
	u32 shunt_uohm[CHANNELS];
	bool continuous;
};

/* Registers 1, 3, 5 hold shunt voltages in units of 40 uV, 2, 4, 6 bus voltages of 8 mV; bits 0 to 2 are 0. */
static int read_register(struct chip *chip, int number, int *value)
{
	int raw = i2c_smbus_read_word_swapped(chip->client, number);

	if (raw < 0)
		return raw;
	*value = (s16)raw >> 3;
	return 0;
}

static int read_channel(struct iio_dev *dev, struct iio_chan_spec const *spec, int *value, int *unused, long what)
{
	struct chip *chip = iio_priv(dev);
	int shunt, bus, error;

	if (what != IIO_CHAN_INFO_PROCESSED)
		return -EINVAL;
	error = read_register(chip, 1 + 2 * spec->channel, &shunt);
	if (!error)
		error = read_register(chip, 2 + 2 * spec->channel, &bus);
	if (error)
		return error;
	bus *= 8;
	shunt = shunt * 40000 / (int)chip->shunt_uohm[spec->channel];
	if (spec->type == IIO_VOLTAGE)
		*value = bus;
	else if (spec->type == IIO_CURRENT)
		*value = shunt;
	else
		*value = bus * shunt / 1000;
	return IIO_VAL_INT;
}

#define CHANNEL(quantity, number)                              \
	{                                                      \
		.type = quantity, .indexed = 1, .channel = number, \
		.info_mask_separate = BIT(IIO_CHAN_INFO_PROCESSED) \
	}
static const struct iio_chan_spec channels[] = {
	CHANNEL(IIO_VOLTAGE, 0), CHANNEL(IIO_CURRENT, 0), CHANNEL(IIO_POWER, 0),
	CHANNEL(IIO_VOLTAGE, 1), CHANNEL(IIO_CURRENT, 1), CHANNEL(IIO_POWER, 1),
	CHANNEL(IIO_VOLTAGE, 2), CHANNEL(IIO_CURRENT, 2), CHANNEL(IIO_POWER, 2),
};

static ssize_t rail_name_show(struct device *dev, struct device_attribute *attribute, char *text)
{
	struct chip *chip = iio_priv(dev_to_iio_dev(dev));

	return sysfs_emit(text, "%s\n", chip->rail[to_iio_dev_attr(attribute)->address]);
}

static ssize_t running_mode_show(struct device *dev, struct device_attribute *attribute, char *text)
{
	struct chip *chip = iio_priv(dev_to_iio_dev(dev));

	return sysfs_emit(text, "%d\n", chip->continuous);
}

static ssize_t running_mode_store(struct device *dev, struct device_attribute *attribute, const char *text, size_t size)
{
	struct chip *chip = iio_priv(dev_to_iio_dev(dev));
	int error = kstrtobool(text, &chip->continuous);

	return error ? error : size;
}

static IIO_DEVICE_ATTR(rail_name_0, 0444, rail_name_show, NULL, 0);
static IIO_DEVICE_ATTR(rail_name_1, 0444, rail_name_show, NULL, 1);
static IIO_DEVICE_ATTR(rail_name_2, 0444, rail_name_show, NULL, 2);
static IIO_DEVICE_ATTR(running_mode, 0644, running_mode_show, running_mode_store, 0);
static struct attribute *attributes[] = {
	&iio_dev_attr_rail_name_0.dev_attr.attr,
	&iio_dev_attr_rail_name_1.dev_attr.attr,
	&iio_dev_attr_rail_name_2.dev_attr.attr,
	&iio_dev_attr_running_mode.dev_attr.attr,
	NULL,
};
static const struct attribute_group group = { .attrs = attributes };
static const struct iio_info info = { .read_raw = read_channel, .attrs = &group };

static int probe(struct i2c_client *client)
{
	struct iio_dev *dev = devm_iio_device_alloc(&client->dev, sizeof(struct chip));
	struct device_node *node = client->dev.of_node;
	struct chip *chip;
	int i;

	if (!dev)
		return -ENOMEM;
	chip = iio_priv(dev);
	chip->client = client;
	for (i = 0; i < CHANNELS; i++) {
		chip->rail[i] = "unnamed";
		chip->shunt_uohm[i] = 10000;
		of_property_read_string_index(node, "rail-names", i, &chip->rail[i]);
		of_property_read_u32_index(node, "shunts-uohm", i, &chip->shunt_uohm[i]);
		if (!chip->shunt_uohm[i])
			return -EINVAL;
	}
	dev->name = "ina3221x";
	dev->info = &info;
	dev->channels = channels;
	dev->num_channels = ARRAY_SIZE(channels);
	dev->modes = INDIO_DIRECT_MODE;
	dev_set_name(&dev->dev, "iio_device");
	return devm_iio_device_register(&client->dev, dev);
}

static const struct i2c_device_id names[] = { { "ina3221x", 0 }, {} };
MODULE_DEVICE_TABLE(i2c, names);
static const struct of_device_id nodes[] = { { .compatible = "synergy,ina3221x" }, {} };
MODULE_DEVICE_TABLE(of, nodes);
static struct i2c_driver ina3221x_driver = {
	.driver = { .name = "ina3221x", .of_match_table = nodes },
	.probe_new = probe,
	.id_table = names,
};
module_i2c_driver(ina3221x_driver);
MODULE_DESCRIPTION("INA3221 with the attributes of NVIDIA's L4T driver, for synergy's tests");
MODULE_LICENSE("GPL");
