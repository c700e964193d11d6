"""The stages of the networks of chapter 8, which both backends build."""

# Arguments (c1, c2, c3, c4) of the Inception blocks of each stage (section 8.4.2).
GOOGLENET = (
    (
        (64, (96, 128), (16, 32), 32),
        (128, (128, 192), (32, 96), 64),
    ),
    (
        (192, (96, 208), (16, 48), 64),
        (160, (112, 224), (24, 64), 64),
        (128, (128, 256), (24, 64), 64),
        (112, (144, 288), (32, 64), 64),
        (256, (160, 320), (32, 128), 128),
    ),
    (
        (256, (160, 320), (32, 128), 128),
        (384, (192, 384), (48, 128), 128),
    ),
)
RESNET18 = ((2, 64), (2, 128), (2, 256), (2, 512))  # (num_residuals, num_channels); section 8.6.3
REGNETX32 = ((4, 32, 16, 1), (6, 80, 16, 1))  # (depth, num_channels, groups, bot_mul); 8.8.3
CONVNEXT = ((2, 40), (2, 80), (6, 160), (2, 320))  # (depth, num_channels); 7.6.3 of 2026
MINI_MOBILENET = (  # (num_channels, strides); section 7.7 of 2026
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
)
